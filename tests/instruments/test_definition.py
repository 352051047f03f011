import json
import re

import pytest

from awe.errors import HeaderError, InstrumentError
from awe.instruments import load, shipped
from awe.instruments.chip import expand
from tests.instruments.conftest import MINIMAL, example_text


def changed(old, new, text=None):
    text = text or MINIMAL
    assert old in text
    return text.replace(old, new, 1)


def test_the_example_says_what_it_says(camera):
    assert (camera.name, camera.version, camera.utc_offset, camera.parity) == ("twochip", 1, -4.0, -1)
    assert camera.chip_names() == ["ccd50", "ccd53"]
    first, second = camera.chips
    assert first.shape == (200, 128) and first.crpix == (150.0, 100.0) and first.hdu == "CCD50"
    assert [a.saturation for a in first.amplifiers] == [60000.0, 52000.0]
    assert first.amplifiers[1].linearity == (1.0, 1.5e-7)
    assert [a.hdu for a in second.amplifiers] == ["CCD53A", "CCD53B"] and second.amplifiers[0].gain == "GAIN"
    assert camera.group("bias").at_most == 50 and camera.group("bias").before == 3.0
    assert camera.group("dark").within == "night"
    assert camera.valid_for("bias").before == 1.0 and camera.valid_for("flat").after == 30.0
    assert camera.valid_for("dark").before == 7.0 and not camera.valid_for("dark").is_forever
    assert camera.parameters["MasterBias"]["sigma_clip"] == 5.0
    assert camera.levels["bias"] == (900.0, 1100.0)
    assert camera.filter_named("r.tc7").name == "r" and camera.filter_named("Z").has_fringes


def test_canonical_content_is_json_and_knows_every_change(camera):
    text = example_text()
    same = load("# another comment\n" + text.replace("elevation = 2635", "elevation = 2635.0"))
    assert json.dumps(same.as_dict(), sort_keys=True) == json.dumps(camera.as_dict(), sort_keys=True)
    for old, new in (
        ("1.7", "1.8"),
        ("[9:72,1:200]", "[10:73,1:200]"),
        ('BIAS"', 'ZERO"'),
        ("622", "623"),
        ("5.0", "4.0"),
        ('"EXPOSURE"', '"EXPO"'),
        ("above = 0", "above = 1"),
        ("2010", "2011"),
    ):
        assert json.dumps(load(changed(old, new, text)).as_dict(), sort_keys=True) != json.dumps(
            camera.as_dict(), sort_keys=True
        )


def test_defaults(minimal):
    assert minimal.dark == "scaled" and minimal.timescale == "utc" and minimal.date_is == "start"
    assert load(changed("utc_offset = -4", "utc_offset = -4\ninfrared = true")).dark == "exact"
    assert minimal.chips[0].amplifiers[0].name == "A"


@pytest.mark.parametrize(
    "old,new,hints",
    [
        ("utc_offset", "utc_ofset", ["[instrument]", "utc_offset"]),
        ('name = "mini"', 'nam = "mini"', ["[instrument]", "name"]),
        ('name = "mini"', 'name = "mini"\nparitty = 1', ["'paritty'", "parity"]),
        ('name = "mini"', 'name = "mini"\nparity = "mirorred"', ["mirrored"]),
        ('name = "mini"', 'name = "mini"\ndark = "scale"', ["scaled"]),
        ("utc_offset = -4", "utc_offset = 25", ["25"]),
        ("utc_offset = -4", 'utc_offset = "west"', ["number"]),
        ("[[filter]]", "[[filtre]]", ["filter"]),
        ("exptime =", "exptme =", ["[header]", "exptime"]),
        ("bias = {", "biass = {", ["[recognise]", "bias"]),
        ("size = [10, 8]", "siez = [10, 8]", ["[chip]", "size"]),
        ("size = [10, 8]", "size = [10]", ["two numbers"]),
        ("size = [10, 8]", "size = [0, 8]", ["whole numbers"]),
        ("size = [10, 8]", "gain = -1", ["positive"]),
        ("size = [10, 8]", "gain = [1, 2]", ["2 values for 1"]),
        ("size = [10, 8]", 'data = "[1:5,1:5"', ["not a section"]),
        ("size = [10, 8]", 'data = "[0:5,1:5]"', ["pixel 1"]),
        ("size = [10, 8]", 'overscan = "datasec"', ["capitals"]),
        ("size = [10, 8]", "hdu = -1", ["EXTNAME"]),
        ("size = [10, 8]", 'hdu = "{2}"', ["{2}"]),
        ('name = "only"', 'name = "c{0..2000}"', ["1000"]),
        ("size = [10, 8]", 'crpix = "X"', ["crpix"]),
        ("size = [10, 8]", "linearity = 1.0", ["coefficients"]),
        ('name = "r"', 'name = "r"\nsystem = "ab"', ["AB"]),
        ('name = "r"', 'band = "r"', ["name"]),
        ('name = "r"', 'name = "r"\nvalid_from = "2010"', ["date"]),
        ('name = "r"', 'name = "r"\nvalid_from = 2011-01-01\nvalid_to = 2010-01-01', ["not before"]),
        ("[[filter]]", '[[filter]]\nname = "r"\n[[filter]]', ["twice"]),
        ("[[chip]]", '[[chip]]\nname = "only"\n[[chip]]', ["twice"]),
        ("[[filter]]", "[calibration.bais]\n[[filter]]", ["bias"]),
        ("[[filter]]", '[calibration.bias]\nwithin = "week"\n[[filter]]', ["within"]),
        ("[[filter]]", "[calibration.bias]\nat_least = 5\nat_most = 2\n[[filter]]", ["less than"]),
        ("[[filter]]", '[calibration.bias]\nvalidity = "always"\n[[filter]]', ["forever"]),
        ("[[filter]]", '[calibration.flat]\nwithin = "night"\n[[filter]]', ["only validity"]),
        ("[[filter]]", "[levels]\nbias = [5, 3]\n[[filter]]", ["lowest"]),
        ("[[filter]]", "[parameters.masterbias]\n[[filter]]", ["MasterBias"]),
        ("[[filter]]", '[reduced]\nunit = "ADU"\n[[filter]]', ["when"]),
        ("[[filter]]", '[reduced]\nwhen = {A = 1}\nunit = "electrons"\n[[filter]]', ["electron"]),
        ("[[filter]]", '[reduced]\nwhen = {A = 1}\nweight = {kind = "rms"}\n[[filter]]', ["replace"]),
        ("[[filter]]", '[reduced]\nwhen = {A = 1}\nmask = {hdu = 2, bits = {1 = "BADD"}}\n[[filter]]', ["BAD"]),
        ("[[chip]]", "[[chipp]]", ["chip"]),
        ('date_obs = "DATE-OBS"\n', "", ["date_obs"]),
        ('[match]\nINSTRUME = "MINI"', "[match]", ["everything would match"]),
        ("[[filter]]", '[[chip.amplifier]]\nname = "A"\n[[chip.amplifier]]\nname = "B"\n[[filter]]', ["position"]),
        (
            "[[filter]]",
            '[[chip.amplifier]]\nname="A"\nposition="P"\n[[chip.amplifier]]\nname="A"\nposition="P"\n[[filter]]',
            ["two amplifiers of one name"],
        ),
        ("[[filter]]", "[focal_plane]\nonyl = [1, 2]\n[[filter]]", ["'only'"]),
        ("size = [10, 8]", 'data = "D"\n[[chip.amplifier]]\nname = "A"', ["both"]),
    ],
)
def test_what_is_wrong_is_named_with_file_and_table(old, new, hints):
    with pytest.raises(InstrumentError) as caught:
        load(changed(old, new), name="mini.toml")
    message = str(caught.value)
    assert message.startswith("mini.toml: [") and "\n" not in message
    assert all(hint in message for hint in hints), message


@pytest.mark.parametrize("text", ["not toml at all\n=", "a = 1\n", "[instrument]\n", "instrument = 3\nx = 1\n", "\n"])
def test_not_an_instrument_file(text):
    with pytest.raises(InstrumentError):
        load(text)


def test_missing_file(tmp_path):
    with pytest.raises(InstrumentError, match="cannot be read"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_cameras_load(name):
    definition = load(shipped()[name])
    assert definition.name == name and definition.match and definition.chips and definition.filters
    json.dumps(definition.as_dict())


def test_shipped_cameras_are_distinct():
    texts = [path.read_text() for path in shipped().values()]
    assert len({re.search(r'name = "(\w+)"', text)[1] for text in texts}) == len(texts) >= 14


def test_braces():
    assert [name for name, _ in expand("ccd{00..02}")] == ["ccd00", "ccd01", "ccd02"]
    assert expand("R{1,2}_S{0..1}")[3] == ("R2_S1", ["2", "1"])
    assert expand("plain") == [("plain", [])]


def test_families_of_chips_share_amplifiers():
    text = changed(
        '[[chip]]\nname = "only"\nsize = [10, 8]',
        """
[focal_plane]
ccd01 = [-5.5, 3.0]
[[chip]]
name = "ccd{00..31}"
hdu = "IM{1}"
gain = [1.1, 1.2]
[[amplifier]]
data = "DSEC{1}"
position = "[1:5,1:8]"
[[amplifier]]
name = "right"
hdu = "{name}R"
data = "[1:5,1:8]"
position = "[10:6,1:8]"
gain = "GAINB"
""",
    )
    chips = load(text).chips
    assert len(chips) == 32 and chips[31].hdu == "IM31" and chips[1].crpix == (-5.5, 3.0) and chips[2].crpix is None
    assert [a.name for a in chips[7].amplifiers] == ["A", "right"]
    assert chips[7].amplifiers[0].data == "DSEC07" and chips[7].amplifiers[1].hdu == "ccd07R"
    assert [a.gain for a in chips[7].amplifiers] == [1.1, "GAINB"]


def test_filters_by_time():
    text = changed(
        'name = "r"',
        """name = "r1"
aliases = ["red"]
valid_to = 2010-01-01
[[filter]]
name = "r2"
aliases = ["red", "r*"]
valid_from = 2010-01-01""",
    )
    from datetime import UTC, datetime

    definition = load(text)
    assert definition.filter_named(" RED ", datetime(2009, 1, 1, tzinfo=UTC)).name == "r1"
    assert definition.filter_named("red", datetime(2010, 1, 1, tzinfo=UTC)).name == "r2"
    with pytest.raises(HeaderError, match="r1 or r2"):
        definition.filter_named("red")
    with pytest.raises(HeaderError, match=r"not known.*r1, r2"):
        definition.filter_named("blue")


def test_validity_forever():
    definition = load(
        changed(
            "[[filter]]",
            '[calibration.bias]\nvalidity = [2, "forever"]\n[calibration.flat]\nvalidity = "forever"\n[[filter]]',
        )
    )
    assert definition.valid_for("flat").is_forever
    assert (definition.valid_for("bias").before, definition.valid_for("bias").after) == (2.0, None)
