"""One table of an instrument file, read strictly: every word is taken once, and what is left over is an error."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from awe.errors import InstrumentError, did_you_mean


class Table:
    """A table of a TOML file that knows where it stands, so that each complaint names file, table and word."""

    def __init__(self, content: object, where: str, file: str) -> None:
        self.where = where
        self.file = file
        if not isinstance(content, Mapping):
            raise self.error(f"should be a table, not {content!r}")
        self._left: dict[str, Any] = dict(content)

    def error(self, message: str) -> InstrumentError:
        """Return (not raise) an error that begins with the place."""
        return InstrumentError(f"{self.file}: [{self.where}] {message}")

    def __contains__(self, word: str) -> bool:
        return word in self._left

    def words(self) -> list[str]:
        """Return the words not taken yet, in the order of the file."""
        return list(self._left)

    def take(self, word: str, default: Any = None) -> Any:
        """Return the raw value of `word` and cross it off."""
        return self._left.pop(word, default)

    def text(self, word: str, default: str | None = None) -> str | None:
        """Return a string that is not blank, or the default."""
        value = self.take(word, default)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise self.error(f"{word} should be text, not {value!r}")
        return value

    def required_text(self, word: str) -> str:
        """Return a string that must be there."""
        value = self.text(word)
        if value is None:
            raise self.error(f"needs the word {word!r}{did_you_mean(word, self._left) if self._left else ''}")
        return value

    def number(self, word: str, default: float | None = None, *, low: float | None = None,
               high: float | None = None) -> float | None:
        """Return a finite number within the bounds, or the default."""
        value = self.take(word, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise self.error(f"{word} should be a number, not {value!r}")
        if (low is not None and value < low) or (high is not None and value > high):
            raise self.error(f"{word} = {value} should lie between {low} and {high}")
        return float(value)

    def integer(self, word: str, default: int | None = None, *, low: int | None = None) -> int | None:
        """Return a whole number, or the default."""
        value = self.take(word, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(f"{word} should be a whole number, not {value!r}")
        if low is not None and value < low:
            raise self.error(f"{word} = {value} should be at least {low}")
        return value

    def truth(self, word: str, default: bool = False) -> bool:
        """Return true or false."""
        value = self.take(word, default)
        if not isinstance(value, bool):
            raise self.error(f"{word} should be true or false, not {value!r}")
        return value

    def choice(self, word: str, options: Iterable[str], default: str) -> str:
        """Return one of a closed list of words."""
        value = self.take(word, default)
        known = list(options)
        if value not in known:
            raise self.error(f"{word} = {value!r} is none of the choices{did_you_mean(str(value), known)}")
        return str(value)

    def texts(self, word: str) -> tuple[str, ...]:
        """Return a list of strings; a single string counts as a list of one."""
        value = self.take(word, [])
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) and item.strip() for item in items):
            raise self.error(f"{word} should be a list of texts, not {value!r}")
        return tuple(items)

    def pair(self, word: str) -> tuple[float, float] | None:
        """Return two numbers, or None where the word is absent."""
        value = self.take(word)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 2 or any(
                isinstance(v, bool) or not isinstance(v, int | float) for v in value):
            raise self.error(f"{word} should be two numbers, not {value!r}")
        return float(value[0]), float(value[1])

    def tables(self, word: str) -> list[Table]:
        """Return an array of tables; a single table counts as an array of one."""
        value = self.take(word, [])
        items = [value] if isinstance(value, Mapping) else value
        if not isinstance(items, list):
            raise self.error(f"{word} should be a table or several, not {value!r}")
        return [Table(item, f"{self.inside(word)}{f' {n + 1}' if len(items) > 1 else ''}", self.file)
                for n, item in enumerate(items)]

    def table(self, word: str) -> Table:
        """Return one table, empty where the word is absent."""
        return Table(self.take(word, {}), self.inside(word), self.file)

    def inside(self, word: str) -> str:
        """Return the name of a table within this one."""
        return word if self.where == "file" else f"{self.where}.{word}"

    def finish(self, known: Iterable[str]) -> None:
        """Refuse words that nobody took."""
        for word in self._left:
            raise self.error(f"does not know the word {word!r}{did_you_mean(word, known, listed=20)}")
