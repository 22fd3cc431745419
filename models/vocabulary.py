"""External ids (opaque strings) to dense rows and back: frozen, hashed, never guessed."""

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class Vocabulary:
    """An ordered set of external ids; the position of an id is its row.

    >>> films = Vocabulary(["b", "a"])
    >>> films.row("a"), films.id(0), len(films)
    (1, 'b', 2)
    """

    def __init__(self, ids: Iterable[str]) -> None:
        """Freeze `ids` in the order given.

        Raises:
            ValueError: an id occurs twice.
        """
        self.ids: tuple[str, ...] = tuple(ids)
        self._rows = {external_id: row for row, external_id in enumerate(self.ids)}
        if len(self._rows) != len(self.ids):
            seen: set[str] = set()
            twice = next(i for i in self.ids if i in seen or seen.add(i))  # type: ignore[func-returns-value]
            raise ValueError(f"the id {twice!r} occurs twice in a vocabulary")

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, external_id: str) -> bool:
        return external_id in self._rows

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.ids == other.ids

    def __hash__(self) -> int:
        return hash(self.ids)

    def row(self, external_id: str) -> int:
        """Give the row of an id; KeyError if it is not here."""
        return self._rows[external_id]

    def get(self, external_id: str) -> int | None:
        """Give the row of an id, or None if it is not here."""
        return self._rows.get(external_id)

    def id(self, row: int) -> str:
        """Give the id at a row; IndexError outside 0..len-1 (negative rows are outside)."""
        if row < 0:
            raise IndexError(f"row {row} is outside a vocabulary of {len(self)}")
        return self.ids[row]

    def rows(self, external_ids: Sequence[str]) -> NDArray[np.int64]:
        """Give the rows of many ids as (n,) int64; KeyError names the first that is not here."""
        return np.fromiter((self._rows[i] for i in external_ids), dtype=np.int64, count=len(external_ids))

    def known_rows(self, external_ids: Collection[str]) -> NDArray[np.int64]:
        """Give the rows of those of the ids that are here, in their order, as (m,) int64."""
        rows = self._rows
        return np.array([rows[i] for i in external_ids if i in rows], dtype=np.int64)

    @property
    def content_hash(self) -> str:
        """SHA-256 over the ids in order, each length-prefixed so that no two lists collide."""
        digest = hashlib.sha256()
        for external_id in self.ids:
            encoded = external_id.encode("utf-8")
            digest.update(len(encoded).to_bytes(8, "little"))
            digest.update(encoded)
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write the ids as a JSON array (an id may hold any character, a newline too)."""
        path.write_text(json.dumps(self.ids, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read what `save` wrote.

        Raises:
            ValueError: not a JSON array of strings, or an id occurs twice.
        """
        ids = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
            raise ValueError(f"{path.name} is not a JSON array of strings")
        return cls(ids)
