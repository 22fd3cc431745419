"""Files of the page, read once: hashed as a whole for their address, and compressed for the way."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
PAGES = Path(__file__).parent / "pages"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_FOUND_LATER = "vendor/"
"""What the page fetches when it is needed, but for the one library that it begins with."""
_FIRST_LIBRARY = "vendor/preact-htm.js"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent; `etag` is without quotes."""

    content: bytes
    zipped: bytes
    media_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that is sent; `version` changes with any byte of it."""

    version: str
    files: Mapping[str, Asset]
    pages: Mapping[str, Asset]


def read_site(folder: Path = FOLDER, pages: Path = PAGES) -> Site:
    """Read the files and the pages that name them; files without a known type (licences) stay on the disk."""
    contents = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in _TYPES and path.is_file()
    }
    version = _version(contents)
    scripts = [name for name in contents if name.endswith(".js") and _is_first(name)]
    preloads = "\n".join(f'<link rel="modulepreload" href="/static/{version}/{name}">' for name in scripts)
    written = {
        path.name: path.read_text("utf-8").replace("{version}", version).replace("{preloads}", preloads)
        for path in sorted(pages.glob("*.html"))
    }
    return Site(
        version,
        {name: _asset(content, name) for name, content in contents.items()},
        {name: _asset(text.encode("utf-8"), name) for name, text in written.items()},
    )


def _is_first(name: str) -> bool:
    return name == _FIRST_LIBRARY or (not name.startswith(_FOUND_LATER) and "/" in name) or name == "main.js"


def _version(contents: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in contents.items():
        digest.update(f"{name}\x00{len(content)}\x00".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def _asset(content: bytes, name: str) -> Asset:
    zipped = gzip.compress(content, compresslevel=9, mtime=0)
    return Asset(content, zipped, _TYPES[Path(name).suffix], hashlib.sha256(content).hexdigest()[:32])
