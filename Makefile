# Five words for daily work.
.PHONY: install lint test docs bench

install: ## make .venv, with everything that tests need
	scripts/install test

lint: install ## style, types, layers
	.venv/bin/ruff check . && .venv/bin/mypy && .venv/bin/lint-imports

test: ## everything that has to hold, on SQLite and PostgreSQL
	scripts/test

docs: install ## write the tables of the reference anew
	.venv/bin/awe docs

bench: install ## all benchmarks, against their peers
	.venv/bin/python -m benchmarks
