"""Bytes to text: UTF-8 first and strictly, then the declared encoding, never with a character lost."""

import gzip
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from training.data.errors import BadOption, MalformedFile, MissingFile, UndecodableFile
from training.data.ledger import SourceFile, SourceText

GZ = ".gz"
_BOM = "\ufeff"
_BROKEN_GZ = (EOFError, gzip.BadGzipFile, zlib.error)


def open_bytes(path: Path) -> BinaryIO:
    """Open a file to read its bytes, unpacked where its name ends in .gz."""
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == GZ else path.open("rb")


def head_of(path: Path, n_bytes: int) -> bytes:
    """Give the first bytes, unpacked; none where the file cannot be read."""
    try:
        with open_bytes(path) as file:
            return file.read(n_bytes)
    except (OSError, *_BROKEN_GZ):
        return b""


def read_text(path: Path, name: str, *, encoding: str | None, expected: str) -> SourceText:
    """Decode a whole file; a byte order mark is taken off, `.gz` is unpacked.

    Args:
        path: the file.
        name: how the report calls it.
        encoding: tried where the bytes are not UTF-8.
        expected: what the file should hold, for the message if it is not there.

    Raises:
        MissingFile: there is no such file.
        UndecodableFile: neither UTF-8 nor `encoding` fits; names the first byte that does not.
        BadOption: Python knows no text encoding of that name.
        MalformedFile: a .gz file that cannot be unpacked.
    """
    try:
        with open_bytes(path) as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise MissingFile(path, expected) from None
    except _BROKEN_GZ as error:
        raise MalformedFile(path, 1, "a whole gzip file", f"one that cannot be unpacked ({error})") from None
    try:
        return SourceText(SourceFile(path, name, "utf-8"), data.decode("utf-8").removeprefix(_BOM))
    except UnicodeDecodeError as error:
        if encoding is None:
            raise _undecodable(path, data, error, "utf-8") from None
        text = _decode(path, data, encoding).removeprefix(_BOM)
        return SourceText(SourceFile(path, name, encoding, error.start), text)


def _decode(path: Path, data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
        text.encode("utf-8")  # a few codecs (utf-7) let half a character through, which no table can hold
    except UnicodeDecodeError as error:
        raise _undecodable(path, data, error, encoding) from None
    except (LookupError, ValueError):
        raise BadOption("--encoding", f"{encoding!r} is no encoding that turns {path} into text") from None
    return text


def _undecodable(path: Path, data: bytes, error: UnicodeDecodeError, encoding: str) -> UndecodableFile:
    before = data[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return UndecodableFile(path, error.start, before.count(b"\n") + 1, encoding)
