import pytest

from awe.instruments.pattern import LONGEST_TEXT, compile_pattern, search


@pytest.mark.parametrize(
    "pattern,text,found",
    [
        (r"fpC-(\d+)-[ugriz]4", "fpC-004192-g4-0300", "004192"),
        (r"^flat", "flats01", "flat"),
        (r"(a|b)c", "xbc", "b"),
        (r"(?:x)?(\d{3})", "abc123", "123"),
        (r"([^/]+)\.fits$", "/hall/data42/20190326.0001.fits", "20190326.0001"),
        (r"\d{8}", "nothing", None),
        (r"(?P<n>\d+)$", "n17", "17"),
    ],
)
def test_safe_patterns(pattern, text, found):
    assert search(compile_pattern(pattern), text) == found


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"(a|aa)*$",
        r"(\w+)\1",
        r"(?=x)",
        r"(?i)x",
        r"(a{2,5}){9}",
        "x" * 500,
        r"a*a*a*a*b",
        r"(",
        r"[a",
        r"a?a?a?a?a?a?a?a?a?b",
        r"(a|b|c|d|e|f|g|h|i|j|k|l)",
        r"(?<!x)y",
        r"a{1,50}b{1,50}c{1,50}d{1,50}",
    ],
)
def test_patterns_that_may_run_away_are_refused(pattern):
    with pytest.raises(ValueError, match="pattern"):
        compile_pattern(pattern)


def test_text_is_cut():
    assert search(compile_pattern("z$"), "a" * LONGEST_TEXT + "z") is None
