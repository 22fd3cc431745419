"""A vocabulary that lies in a file and is asked, never loaded: as many ids as you like for a few kilobytes of memory.

The file is an SQLite database, opened read-only and immutable, so all processes share its pages:

    ids    row INTEGER PRIMARY KEY, id TEXT, with a unique index on id
    about  n and content_hash: those of the vocabulary that it was written from

Why SQLite: docs/decisions/0022-past-one-machine.md, "Users that are looked up".
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from models.vocabulary import Vocabulary

_CACHE_KIB = 256
_MAPPED = 2**40
_MADE = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE ids (row INTEGER PRIMARY KEY, id TEXT NOT NULL);
CREATE TABLE about (n INTEGER NOT NULL, content_hash TEXT NOT NULL);
"""


class UnreadableVocabulary(Exception):
    """The file is missing, cut, or holds no vocabulary; the message says which."""


class StoredVocabulary(Vocabulary):
    """Answers as the `Vocabulary` that it was written from. Threads share it."""

    def __init__(self, path: Path) -> None:
        """Open a file that `write` made.

        Raises:
            UnreadableVocabulary: it is missing, or no such file.
        """
        # Immutable: no lock is taken and no change is looked for; nothing in a release ever changes.
        address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
        try:
            self._database = sqlite3.connect(address, uri=True, check_same_thread=False)
            self._database.execute(f"PRAGMA mmap_size = {_MAPPED}")
            self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._n, self._content_hash = self._database.execute("SELECT n, content_hash FROM about").fetchone()
        except (sqlite3.Error, TypeError) as error:
            raise UnreadableVocabulary(f"{path.name} is no stored vocabulary: {error}") from error

    @classmethod
    def write(cls, path: Path, vocabulary: Vocabulary) -> None:
        """Write a vocabulary into a new file."""
        with closing(sqlite3.connect(path)) as database:
            database.executescript(_MADE)
            database.executemany("INSERT INTO ids VALUES (?, ?)", enumerate(vocabulary.ids))
            database.execute("INSERT INTO about VALUES (?, ?)", (len(vocabulary), vocabulary.content_hash))
            database.execute("CREATE UNIQUE INDEX by_id ON ids (id)")
            database.commit()

    @property
    def ids(self) -> tuple[str, ...]:  # type: ignore[override]  # what is an attribute there is read anew here
        """All ids in the order of their rows: the whole file is read, and all of it is in memory then."""
        return tuple(found for (found,) in self._database.execute("SELECT id FROM ids ORDER BY row"))

    def __len__(self) -> int:
        return int(self._n)

    def __contains__(self, external_id: str) -> bool:
        return self.get(external_id) is not None

    def row(self, external_id: str) -> int:
        """Give the row of an id; KeyError if it is not here."""
        found = self.get(external_id)
        if found is None:
            raise KeyError(external_id)
        return found

    def get(self, external_id: str) -> int | None:
        """Give the row of an id, or None if it is not here."""
        try:
            found = self._database.execute("SELECT row FROM ids WHERE id = ?", (external_id,)).fetchone()
        except UnicodeEncodeError:  # a lone surrogate, which no file holds
            return None
        return None if found is None else int(found[0])

    def id(self, row: int) -> str:
        """Give the id at a row; IndexError outside 0..len-1."""
        found = self._database.execute("SELECT id FROM ids WHERE row = ?", (row,)).fetchone()
        if found is None:
            raise IndexError(f"row {row} is outside a vocabulary of {len(self)}")
        return str(found[0])

    def rows(self, external_ids: Sequence[str]) -> NDArray[np.int64]:
        """Give the rows of many ids as (n,) int64; KeyError names the first that is not here."""
        return np.fromiter((self.row(i) for i in external_ids), dtype=np.int64, count=len(external_ids))

    @property
    def content_hash(self) -> str:
        """What the vocabulary's was when it was written; the manifest of the release vouches for the file."""
        return str(self._content_hash)

    def save(self, path: Path) -> None:
        """Write the ids as a JSON array: all of them are in memory meanwhile."""
        Vocabulary(self.ids).save(path)
