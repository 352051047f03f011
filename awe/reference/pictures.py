"""Pictures for the reference: what `inspect` shows of one object of each class.

``python -m awe.reference.pictures INSTANCE FOLDER``
"""
from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
from PIL import Image

import awe
from awe.dataflow.lifecycle import Makeable
from awe.reference.targets import classes


def draw(folder: Path) -> list[str]:
    """Draw the newest valid object of each class; return the names of classes that have a figure and no object."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = []
    for cls in classes():
        if issubclass(cls, Makeable) and cls.inspect is not Makeable.inspect:
            there = (cls.is_valid > 0).order_by("-creation_date")[:1]  # type: ignore[operator]
            figure = there[0].inspect() if there else None
            if figure is None:
                missing.append(cls.__name__)
                continue
            save(figure, folder / f"{cls.__name__}.png")
            plt.close(figure)
    return missing


def save(figure: Any, path: Path) -> None:
    """Write a figure with few colours: pixels of noise are large in files otherwise."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=70)
    with Image.open(buffer) as image:
        image.convert("RGB").quantize(48).save(path, optimize=True)


def main(words: list[str]) -> int:
    """Draw, and say what could not be drawn."""
    home, folder = words
    awe.connect(home)
    missing = draw(Path(folder))
    print(f"drawn into {folder}; no object of {', '.join(missing) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
