"""What a vector engine is asked, whichever it is, and what it is said to hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.settings import Settings, SettingsError


class EngineAway(Exception):
    """The engine cannot be reached, is too slow, or does not hold what it is asked for; the message says which."""


@dataclass(frozen=True)
class Loaded:
    """A release whose items the engine holds: `collection` by name, of vectors of the model with that fingerprint.

    `nominate` is how many items are asked for to find `recall` of the true first ten, measured when it was loaded.
    """

    release: str
    fingerprint: str
    collection: str
    items: int
    nominate: int
    recall: float


class VectorEngine(Protocol):
    """Collections of float32 vectors by item row, nearest by squared L2. Every call may raise EngineAway."""

    def nearest(
        self, collection: str, query: NDArray[np.float32], n: int, excluded: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Name the n items nearest to a (d,) vector, none of them excluded; fewer where fewer are left."""
        ...

    def loaded(self, release: str) -> Loaded | None:
        """Tell what the engine holds of a release; None where that is nothing, or not all of it."""
        ...

    def all_loaded(self) -> Sequence[Loaded]:
        """List the releases that the engine holds."""
        ...

    def create(self, collection: str, dimension: int, release: str) -> None:
        """Make a collection, where there is none of that name."""
        ...

    def count(self, collection: str) -> int:
        """Count its vectors."""
        ...

    def add(self, collection: str, first: int, vectors: NDArray[np.float32]) -> None:
        """Store (m, d) vectors as the rows from `first` on; what is there already is replaced."""
        ...

    def finish(self, collection: str) -> None:
        """Make everything that was added be found; returns when it is."""
        ...

    def announce(self, loaded: Loaded) -> None:
        """Say that a release is held: from now on servers use it."""
        ...

    def remove(self, loaded: Loaded) -> None:
        """Take back what was announced, then drop its collection."""
        ...


def check_installed(settings: Settings) -> None:
    """Make sure that the client of the engine that the settings name is there.

    Raises:
        SettingsError: it is not.
    """
    if settings.vector_engine is not None and find_spec("pymilvus") is None:
        raise SettingsError(["KTUP_VECTOR_ENGINE: needs `pip install --group cluster`"])
