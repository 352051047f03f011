"""BaseFrame: a product that is an image."""
from __future__ import annotations

from typing import Any

from awe.dataflow.lifecycle import Content
from awe.dataflow.target import ProcessTarget
from awe.persist.declare import has_one
from awe.targets.figures import image_figure
from awe.targets.flags import BLOCKING, Flag
from awe.targets.globalname import global_name
from awe.targets.image import Image
from awe.targets.imstat import Imstat


class Product(ProcessTarget):
    """A target with the flags and the file names that all targets of this package share."""

    __abstract__ = True
    flags = Flag
    blocking_flags = BLOCKING

    def raise_flag(self, flag: Flag) -> None:
        """Note something about this product."""
        self.quality_flags = (self.quality_flags or 0) | int(flag)

    def global_name(self, role: str, ext: str) -> str:
        """The name of one of its files, after the pattern of Astro-WISE."""
        return global_name(self, role, ext)


class BaseFrame(Product):
    """A product that is an image with its statistics."""

    __abstract__ = True
    imstat = has_one(Imstat, "statistics of the good pixels")
    unit = "adu"

    @property
    def image(self) -> Image:
        """The image; of a stored frame it is read when first asked for."""
        found = self.__dict__.get("_image")
        if found is None:
            found = self.__dict__["_image"] = Image.read(self.path())
        image: Image = found
        return image

    @image.setter
    def image(self, image: Image) -> None:
        image.cards = {"BUNIT": self.unit, **image.cards}
        self.__dict__["_image"] = image
        self.imstat = Imstat.of(image.data, image.mask)

    def let_go(self) -> None:
        """Forget the pixels; they are read from the file when asked for."""
        self.__dict__.pop("_image", None)

    def contents(self) -> dict[str, Content]:
        """The FITS file."""
        return {"image": Content(self.image.to_bytes())}

    def inspect(self) -> Any:
        """The image as a figure, as DS9 would show it at zscale."""
        return image_figure(self)
