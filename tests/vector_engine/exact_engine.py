"""A vector engine in this process that measures every vector, and can be taken away."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.vector_engine.engine import EngineAway, Loaded


@dataclass
class ExactEngine:
    """`away` is the reason it gives to every call, while there is one. `added` counts vectors, repeats too."""

    vectors: dict[str, dict[int, NDArray[np.float32]]] = field(default_factory=dict)
    releases: dict[str, Loaded] = field(default_factory=dict)
    away: str | None = None
    calls: int = 0
    added: int = 0
    full_at: int | None = None
    """As many vectors as it takes before it goes away."""

    def _asked(self) -> None:
        self.calls += 1
        if self.away is not None:
            raise EngineAway(self.away)

    def nearest(
        self, collection: str, query: NDArray[np.float32], n: int, excluded: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        self._asked()
        if collection not in self.vectors:
            raise EngineAway(f"no collection {collection}")
        rows = np.array([row for row in sorted(self.vectors[collection]) if row not in set(excluded.tolist())])
        distances = [float(np.square(self.vectors[collection][row] - query).sum()) for row in rows.tolist()]
        return rows[np.argsort(distances, kind="stable")[:n]].astype(np.int64)

    def loaded(self, release: str) -> Loaded | None:
        self._asked()
        return self.releases.get(release)

    def all_loaded(self) -> Sequence[Loaded]:
        self._asked()
        return list(self.releases.values())

    def create(self, collection: str, dimension: int, release: str) -> None:
        self._asked()
        self.vectors.setdefault(collection, {})

    def count(self, collection: str) -> int:
        self._asked()
        return len(self.vectors[collection])

    def add(self, collection: str, first: int, vectors: NDArray[np.float32]) -> None:
        self._asked()
        if self.full_at is not None and self.added + len(vectors) > self.full_at:
            raise EngineAway("it is full")
        self.added += len(vectors)
        self.vectors[collection].update({first + k: vector for k, vector in enumerate(vectors)})

    def finish(self, collection: str) -> None:
        self._asked()

    def announce(self, loaded: Loaded) -> None:
        self._asked()
        self.releases[loaded.release] = loaded

    def remove(self, loaded: Loaded) -> None:
        self._asked()
        if self.releases.get(loaded.release) == loaded:
            del self.releases[loaded.release]
        self.vectors.pop(loaded.collection, None)
