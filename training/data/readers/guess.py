"""Which format a source has, judged by every reader from the heads of its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.data.readers.base import Reader, Recognition
from training.data.readers.source import Source
from training.data.readers.text import BROKEN_GZ, open_bytes

_SURE = 0.4  # a table whose header names the columns that are needed
_AHEAD = 0.1  # of the next one
_SHOWN = 80  # characters of a line
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class Guess:
    """A format that a source may have."""

    name: str
    recognition: Recognition

    def __str__(self) -> str:
        return f"{self.name} ({self.recognition.why})" if self.recognition.why else self.name


def guesses(source: Source, readers: Mapping[str, Reader]) -> list[Guess]:
    """Give every format that the source may have, the likeliest first."""
    found = [Guess(name, reader.recognise(source)) for name, reader in readers.items()]
    likely = [guess for guess in found if guess.recognition.score > 0]
    return sorted(likely, key=lambda guess: -guess.recognition.score)


def sure(found: Sequence[Guess]) -> Guess | None:
    """Give the first guess where it is certain enough and well ahead of the next one."""
    if not found or found[0].recognition.score < _SURE:
        return None
    if len(found) > 1 and found[1].recognition.score > found[0].recognition.score - _AHEAD:
        return None
    return found[0]


def seen(source: Source) -> str:
    """Tell what is in a source that no reader knows: nothing, a file that cannot be read, or its first line."""
    files = list(source.files())
    if not files:
        return "it holds no file"
    what = [f"{source.name_of(path)} {_first_of(path)}" for path in files]
    return next((told for told in what if " cannot be " in told), what[0])


def _first_of(path: Path) -> str:
    try:
        with open_bytes(path) as file:
            data = file.read(_SHOWN * 4)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except BROKEN_GZ as error:
        return f"cannot be unpacked: {error}"
    if not data:
        return "is empty"
    if data.startswith(_ZIP):
        return "is a zip archive, or a workbook: unpack it, or save its sheet as CSV"
    first = data.decode("utf-8", "backslashreplace").lstrip("\ufeff").splitlines()[0]
    return f"begins with {first[:_SHOWN]!r}"
