"""Bytes to text: UTF-8 first and strictly, then the declared encoding, never with a character lost."""

from pathlib import Path

from training.data.errors import BadOption, MissingFile, UndecodableFile
from training.data.ledger import SourceText

_BOM = "\ufeff"


def read_text(path: Path, name: str, *, encoding: str | None, expected: str) -> SourceText:
    """Decode a whole file; a byte order mark is taken off.

    Args:
        path: the file.
        name: how the report calls it.
        encoding: tried where the bytes are not UTF-8.
        expected: what the file should hold, for the message if it is not there.

    Raises:
        MissingFile: there is no such file.
        UndecodableFile: neither UTF-8 nor `encoding` fits; names the first byte that does not.
        BadOption: Python knows no text encoding of that name.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise MissingFile(path, expected) from None
    try:
        return SourceText(path, name, data.decode("utf-8").removeprefix(_BOM), "utf-8")
    except UnicodeDecodeError as error:
        if encoding is None:
            raise _undecodable(path, data, error, "utf-8") from None
        return SourceText(path, name, _decode(path, data, encoding).removeprefix(_BOM), encoding, error.start)


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
