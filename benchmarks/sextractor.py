"""SExtractor and PSFEx as peers: found where Debian puts them, run as processes on files."""
from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from astropy.io import fits

#: What `awe.science.sources.extract` measures, by SExtractor's names; apertures come besides.
MEASURED = ("NUMBER", "X_IMAGE", "Y_IMAGE", "XWIN_IMAGE", "YWIN_IMAGE", "ERRX2WIN_IMAGE", "ERRY2WIN_IMAGE", "ERRXYWIN_IMAGE", "FLUX_AUTO",
            "FLUXERR_AUTO", "FLUX_ISO", "FLUX_MAX", "FLUX_RADIUS", "KRON_RADIUS", "FWHM_IMAGE", "A_IMAGE", "B_IMAGE", "THETA_IMAGE",
            "X2_IMAGE", "Y2_IMAGE", "XY_IMAGE", "ELONGATION", "ISOAREA_IMAGE", "SNR_WIN", "CLASS_STAR", "BACKGROUND", "THRESHOLD", "FLAGS")
INSTALL = "apt-get install sextractor psfex"


def sextractor() -> str | None:
    """The program, None where it is not installed."""
    return shutil.which("source-extractor") or shutil.which("sextractor") or shutil.which("sex")


def psfex() -> str | None:
    """The program, None where it is not installed."""
    return shutil.which("psfex")


def prepare(folder: Path, columns: Sequence[str]) -> list[str]:
    """Write the files that SExtractor wants; return the words of a call but for the image, the catalogue and options."""
    program = sextractor()
    assert program is not None
    default = subprocess.run([program, "-d"], capture_output=True, text=True, check=True).stdout
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "default.sex").write_text(default)
    (folder / "columns.param").write_text("\n".join(columns) + "\n")
    shared = Path("/usr/share/source-extractor")
    words = [program, "-c", str(folder / "default.sex"), "-PARAMETERS_NAME", str(folder / "columns.param"), "-VERBOSE_TYPE", "QUIET"]
    return [*words, "-FILTER_NAME", str(shared / "default.conv"), "-STARNNW_NAME", str(shared / "default.nnw"), "-PIXEL_SCALE", "1",
            "-MEMORY_BUFSIZE", "4096", "-MEMORY_PIXSTACK", "3000000", "-CATALOG_TYPE", "FITS_1.0"]


def run(words: Sequence[str], image: Path, catalogue: Path, **options: str | float) -> Any:
    """Run SExtractor; return its catalogue."""
    given = [word for name, value in options.items() for word in (f"-{name}", str(value))]
    subprocess.run([words[0], str(image), *words[1:], "-CATALOG_NAME", str(catalogue), *given], check=True)
    return fits.getdata(catalogue)
