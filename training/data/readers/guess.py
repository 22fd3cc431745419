"""Which format a source has, judged by every reader from the heads of its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.data.readers.base import Reader, Recognition
from training.data.readers.source import Source

_SURE = 0.4  # a table whose header names the columns that are needed
_AHEAD = 0.1  # of the next one


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
