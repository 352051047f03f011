"""Styles, scripts and pictures that come with the package, under names that change with their content."""
from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"


class Assets:
    """All files in the folder `static`, read once."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._bytes = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
        self._digests = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in self._bytes.items()}

    def url(self, name: str) -> str:
        """The address of a file; it is another one when its content is."""
        return f"/static/{self._digests[name]}/{name}"

    async def send(self, request: Request) -> Response:
        """Send one file; a copy under the right name never gets old."""
        name, digest = request.path_params["name"], request.path_params["digest"]
        if name not in self._bytes or self._digests[name] != digest:
            raise HTTPException(404)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(self._bytes[name], headers={"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}, media_type=kind)
