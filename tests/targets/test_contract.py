"""What every target class owes its users, held against all of them, and against what each made of a small simulated run."""
from __future__ import annotations

import io
import re

import matplotlib.pyplot as plt
import pytest
from astropy.io import fits

from awe.dataflow.lifecycle import Stored
from awe.dataflow.registry import load_targets, target_classes
from awe.persist.declare import declarations, natural_key, parameters, slots
from awe.persist.lineage import ancestors
from awe.persist.mapping import subclasses
from awe.persist.value import value_of
from awe.targets import Flag, RawFrame
from awe.targets.flags import BLOCKING

load_targets()
TARGETS = [cls for cls in target_classes() if cls.__module__.startswith("awe.")]
STORED = [cls for cls in subclasses() if issubclass(cls, Stored) and not cls.__abstract__ and cls.__module__.startswith("awe.")]
#: What the simulated run has no use for: it is optical, matched with a reference catalogue, its flats are exposed alike, and its
#: chips have too few stars to show a distortion.
NOT_MADE = {"AstrometricTemplate", "SkyFrame", "FieldReference", "ShutterCheck"}


def test_there_are_targets():
    assert len(TARGETS) >= 14


@pytest.mark.parametrize("cls", TARGETS, ids=lambda cls: cls.__name__)
class TestDeclaration:
    def test_it_says_what_it_is(self, cls):
        assert cls.__doc__ and len(cls.__doc__.strip()) > 20
        assert isinstance(cls.version, int) and cls.version >= 1
        assert cls.make.__qualname__.split(".")[0] != "Makeable", "it says how it is made"

    def test_every_line_has_a_doc(self, cls):
        for name, declared in declarations(cls).items():
            assert len(declared.doc) > 3, name

    def test_it_can_be_asked_for(self, cls):
        assert natural_key(cls), "a target is found by its natural key"
        assert any(not getattr(slot, "key", False) for slot in slots(cls).values()), "something leads it"

    def test_parameters_are_declared_with_defaults_of_their_type(self, cls):
        for name, parameter in parameters(cls).items():
            assert type(parameter.default) is parameter.type, name
            assert re.fullmatch(r"[a-z][a-z0-9_]*", name)

    def test_limits_raise_one_named_flag_each(self, cls):
        for limit in cls.limits:
            assert isinstance(limit.flag, Flag) and limit.flag.name in Flag.__members__
            assert int(limit.flag).bit_count() == 1 and int(limit.flag) & BLOCKING, "a broken limit keeps an object from being used"
            part, _, _ = limit.path.partition(".")
            assert part in declarations(cls), limit.path


@pytest.mark.parametrize("cls", [cls for cls in TARGETS if cls.__name__ not in NOT_MADE], ids=lambda cls: cls.__name__)
class TestProduct:
    @pytest.fixture
    def obj(self, cls, instance):
        found = cls.select_all()[:1]
        assert found, f"the simulated run made no {cls.__name__}"
        return found[0]

    def test_its_value_is_that_of_its_content(self, cls, obj):
        assert bytes(obj.value) == value_of(obj, obj.files())

    def test_its_files_are_there_and_are_what_their_names_say(self, cls, obj, instance):
        for role, row in obj.file_rows().items():
            instance.store.check(row["sha256"])
            assert obj.object_id[:12] in row["global_name"] and row["global_name"].endswith(row["ext"])
            assert obj.path(role).stat().st_mode & 0o777 == 0o444

    def test_its_bytes_hold_no_date_identity_name_or_host(self, cls, obj):
        for role in obj.files():
            content = obj.path(role).read_bytes()
            for secret in (obj.object_id.encode(), b"ann", str(obj.path(role)).encode()):
                assert secret not in content
            if content.startswith(b"SIMPLE"):
                header = fits.getheader(obj.path(role))
                assert "DATE" not in header and "HISTORY" not in header and "BUNIT" in header

    def test_it_is_a_valid_fits_file(self, cls, obj):
        for role in obj.files():
            if obj.path(role).read_bytes().startswith(b"SIMPLE"):
                with fits.open(obj.path(role), checksum=True) as hdus:
                    hdus.verify("exception")
                    assert len({hdu.shape for hdu in hdus if hdu.name != "FWHM"}) == 1

    def test_it_is_traced_to_raw_data(self, cls, obj):
        assert ancestors(obj).of_class(RawFrame), "nothing raw beneath it"

    def test_it_verifies_as_it_did(self, cls, obj):
        assert not obj.quality_flags & BLOCKING
        assert all(not broken for _, _, broken in obj.report())

    def test_it_is_up_to_date_and_says_why(self, cls, obj):
        assert obj.is_up_to_date(), str(obj.why())

    def test_it_can_be_looked_at(self, cls, obj):
        figure = obj.inspect()
        assert not getattr(cls, "is_calibration", False) or not cls.plan_number or figure is not None, "a person can judge it by a figure"
        if figure is not None:
            figure.savefig(io.BytesIO(), dpi=30)
            plt.close(figure)

    def test_it_reads_well(self, cls, obj):
        assert cls.__name__ in repr(obj)
        assert all(name in str(obj.info()) for name in declarations(cls))


@pytest.mark.parametrize("cls", STORED, ids=lambda cls: cls.__name__)
def test_flags_that_block_are_those_below_the_informative_ones(cls):
    assert cls.flags is Flag and cls.blocking_flags == BLOCKING
