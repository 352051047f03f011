"""Targets outside awe: what `awe new target` writes, so that somebody's own class is there in ten minutes.

`kinds` says what a class of some base looks like, `project` which files make a package of it; `templates` holds their texts.
"""
