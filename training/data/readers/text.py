"""Bytes to text, piece by piece: UTF-8 first and strictly, then the declared encoding, never with a character lost."""

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from training.data.errors import BadOption, MalformedFile, MissingFile, UndecodableFile
from training.data.ledger import SourceFile, SourceText

GZ = ".gz"
PIECE_BYTES = 1 << 24
_UTF8 = "utf-8"
_BOM = "\ufeff"
BROKEN_GZ = (EOFError, gzip.BadGzipFile, zlib.error)


def open_bytes(path: Path) -> BinaryIO:
    """Open a file to read its bytes, unpacked where its name ends in .gz."""
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == GZ else path.open("rb")


def head_of(path: Path, n_bytes: int) -> bytes:
    """Give the first bytes, unpacked; none where the file cannot be read."""
    try:
        with open_bytes(path) as file:
            return file.read(n_bytes)
    except (OSError, *BROKEN_GZ):
        return b""


def check_readable(path: Path) -> None:
    """Read the first bytes, for readers that go by what they find there and would take none for an empty file.

    Raises:
        OSError: the file cannot be read; names it.
        MalformedFile: a .gz file that cannot be unpacked.
    """
    next(_pieces(path, None))


def read_text(path: Path, name: str, *, encoding: str | None, expected: str) -> SourceText:
    """Decode a whole file; for those that are small whatever people bring. See `open_text`."""
    file, pieces = open_text(path, name, encoding=encoding, expected=expected)
    return SourceText(file, "".join(pieces))


def open_text(
    path: Path, name: str, *, encoding: str | None, expected: str, count_bytes: Callable[[int], None] | None = None
) -> tuple[SourceFile, Iterator[str]]:
    """Decode a file in pieces of at most 16 MiB; a byte order mark is taken off, `.gz` is unpacked.

    The file is read twice: once to see whether all of it is UTF-8, since rows that were given out cannot be taken back.

    Args:
        path: the file.
        name: how the report calls it.
        encoding: tried where the bytes are not UTF-8.
        expected: what the file should hold, for the message if it is not there.
        count_bytes: told how many more bytes of the file (as it lies on disk) were read.

    Raises:
        MissingFile: there is no such file.
        UndecodableFile: neither UTF-8 nor `encoding` fits; names the first byte that does not.
        BadOption: Python knows no text encoding of that name.
        MalformedFile: a .gz file that cannot be unpacked.
    """
    if not path.is_file():
        raise MissingFile(path, expected)
    fault = _first_fault(path)
    if fault is None:
        return SourceFile(path, name, _UTF8), _text(path, _UTF8, count_bytes)
    if encoding is None:
        raise UndecodableFile(path, fault.byte, fault.line, _UTF8)
    _check_codec(encoding, path)
    return SourceFile(path, name, encoding, fault.byte), _text(path, encoding, count_bytes)


@dataclass
class _Fault(Exception):
    """A byte that is no text, counted from 0, on a line, counted from 1."""

    byte: int
    line: int


def _first_fault(path: Path) -> _Fault | None:
    try:
        for _ in _decoded(path, _UTF8, None):
            pass
    except _Fault as fault:
        return fault
    return None


def _text(path: Path, encoding: str, count_bytes: Callable[[int], None] | None) -> Iterator[str]:
    first = True
    try:
        for text in _decoded(path, encoding, count_bytes):
            if encoding != _UTF8:
                text.encode(_UTF8)  # a few codecs (utf-7) let half a character through, which no table can hold
            yield text.removeprefix(_BOM) if first else text
            first = False
    except _Fault as fault:
        raise UndecodableFile(path, fault.byte, fault.line, encoding) from None
    except ValueError:
        raise _no_codec(encoding, path) from None


def _decoded(path: Path, encoding: str, count_bytes: Callable[[int], None] | None) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    offset = lines = 0
    for data in _pieces(path, count_bytes):
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            raise _Fault(offset - pending + error.start, lines + before.count(b"\n") + 1) from None
        offset += len(data)
        lines += text.count("\n") + text.count("\r") - text.count("\r\n")
        if text:
            yield text


def _pieces(path: Path, count_bytes: Callable[[int], None] | None) -> Iterator[bytes]:
    """Give the bytes of a file, and an empty piece at its end."""
    told = 0
    try:
        with path.open("rb") as packed, _unpacked(packed, path) as file:
            while data := file.read(PIECE_BYTES):
                if count_bytes is not None:
                    count_bytes(packed.tell() - told)
                    told = packed.tell()
                yield data
    except BROKEN_GZ as error:
        raise MalformedFile(path, 1, "a whole gzip file", f"one that cannot be unpacked ({error})") from None
    except OSError as error:  # of a read, which does not say of which file
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    yield b""


def _unpacked(packed: BinaryIO, path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(packed, "rb")) if path.suffix == GZ else packed


def _check_codec(encoding: str, path: Path) -> None:
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=encoding).close()
    except (LookupError, ValueError):
        raise _no_codec(encoding, path) from None


def _no_codec(encoding: str, path: Path) -> BadOption:
    return BadOption("--encoding", f"{encoding!r} is no encoding that turns {path} into text")
