"""The reference page knows every word of the instrument file, and its examples are read."""

import re

import pytest

from awe.instruments import calibration, chip, condition, dates, definition, filters, ghosts, load, masks, recognise, reduction, rule
from tests.instruments.conftest import DOCUMENT, MINIMAL, example_text

WORDS = sorted(
    {
        *definition.FILE_WORDS,
        *definition.INSTRUMENT_WORDS,
        *definition.HEADER_WORDS,
        *definition.LEVELS,
        *definition.PARITIES,
        *chip.CHIP_WORDS,
        *chip.AMPLIFIER_WORDS,
        *chip.FLIPS,
        *filters.WORDS,
        *ghosts.WORDS,
        *masks.WORDS,
        *filters.SYSTEMS,
        *calibration.KINDS,
        *calibration.WORDS,
        calibration.FOREVER,
        *condition.WORDS,
        *condition.ATTRIBUTES,
        *recognise.PURPOSES,
        *rule.WORDS,
        *rule.HEADERS,
        *dates.FORMATS,
        *dates.SCALES,
        *reduction.WORDS,
        *reduction.UNITS,
        *reduction.PLANE_WORDS,
        *reduction.WEIGHT_KINDS,
        *reduction.MASK_BITS,
        "verify",
        "ignore",
        "night",
        "run",
        "start",
        "mid",
        "end",
        "exact",
        "scaled",
        "second",
    }
)


@pytest.fixture(scope="module")
def page():
    return DOCUMENT.read_text()


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_explained(page, word):
    named = re.findall(r"`[^`\n]*`", page)
    assert any(re.search(rf"(?<![\w/]){re.escape(word)}(?![\w/])", text) for text in named)


def test_no_table_explains_a_word_that_does_not_exist(page):
    first_cells = re.findall(r"^\| (`[^|]*`) \|", page, re.MULTILINE)
    named = {word for cell in first_cells for word in re.findall(r"`([a-z_]+)`", cell)}
    assert named and named <= set(WORDS)


def test_the_examples_are_read(page):
    blocks = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2 and blocks[0] == example_text()
    assert load(MINIMAL + blocks[1]).reduced is not None
