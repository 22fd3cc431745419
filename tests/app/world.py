"""A small world: nine films, who made them, and people who saw some. Ids are as awkward as imported ones are.

i1 Alien      f1   director scott   genre horror
i2 Gladiator  f2   director scott
i3 Aliens     f3   director cameron genre horror   sequel_of f1
i4 Titanic    f4   director cameron
i5 Halloween  f5                    genre horror
i6 Alien (1979 cut): the same entity as i1
i7 no entity, no title              "a/b" and ".." are items, too
"""

from collections.abc import Iterator
from typing import Any

from app.db.bulk import DatasetImport, ImportCounts, Rows
from app.db.session import Database
from app.ports import Fact, ReleaseInfo
from tests.app.memory_release import MemoryRelease

AWKWARD_IDS = ["a/b", "中文", "x+y", "%2F", "..", "x/recommendations", "c d", "what?", "#1", "10% off", "a:b", "a", "."]
FACTS: list[Fact] = [
    ("f1", "director", "scott"),
    ("f2", "director", "scott"),
    ("f3", "director", "cameron"),
    ("f4", "director", "cameron"),
    ("f1", "genre", "horror"),
    ("f3", "genre", "horror"),
    ("f5", "genre", "horror"),
    ("f3", "sequel_of", "f1"),
]
LINKS = {"i1": "f1", "i2": "f2", "i3": "f3", "i4": "f4", "i5": "f5", "i6": "f1"}
TITLES = {
    "i1": "Alien",
    "i2": "Gladiator",
    "i3": "Aliens",
    "i4": "Titanic",
    "i5": "Halloween",
    "i6": "Alien (1979 cut)",
}
ITEMS = ["i1", "i2", "i3", "i4", "i5", "i6", "i7", "a/b", ".."]
# u1 met i1 last; `late` came after training; `all` has met everything.
HISTORY = [("u1", "i1", 30), ("u1", "i5", 10), ("late", "i1", 5), ("late", "i2", 6), ("a:b", "i2", 1)]
USERS = ["u1", "u2", "late", "all", *AWKWARD_IDS]
LABELS = {"scott": "Ridley Scott", "cameron": "James Cameron", "horror": "horror"}


def tables() -> dict[str, Rows]:
    """The world as the rows of a data set."""
    history = [*HISTORY, *(("all", item, None) for item in ITEMS)]
    entities = ["f1", "f2", "f3", "f4", "f5", "f9", "scott", "cameron", "horror"]
    return {
        "users": [{"user_id": user} for user in USERS],
        "entities": [{"entity_id": entity, "label": LABELS.get(entity)} for entity in entities],
        "relations": [
            {"relation_id": "director", "label": "director"},
            {"relation_id": "genre", "label": None},
            {"relation_id": "sequel_of", "label": None},
            {"relation_id": "late_relation", "label": None},
        ],
        "items": [{"item_id": item, "title": TITLES.get(item)} for item in ITEMS],
        "links": [{"item_id": item, "entity_id": entity} for item, entity in LINKS.items()],
        "triples": [{"head": h, "relation": r, "tail": t} for h, r, t in FACTS],
        "interactions": [
            {"user_id": user, "item_id": item, "value": 1.0, "timestamp": time} for user, item, time in history
        ],
    }


class Rowed:
    """Tables as a source of an import."""

    def __init__(self, tables: dict[str, Rows]) -> None:
        self._tables = tables

    def rows(self, table: str) -> Iterator[Rows]:
        if self._tables.get(table):
            yield self._tables[table]


async def store(database: Database, tables: dict[str, Rows]) -> ImportCounts:
    """Import tables."""
    return await DatasetImport(database, Rowed(tables), lambda _table, _n: None).run()


def release(release_id: str = "r1", **changes: Any) -> MemoryRelease:
    """A release that knows everyone but `late` and everything but f9 and late_relation.

    For u1 = 0 with director = 1 and genre = 3: i2 lies 0.1 from director (and 1.9 from genre), i3 0.2 from genre
    (and 1.8 from director), i4 0.4 from director, i7 1.0 from both.
    """
    info = ReleaseInfo(release_id, changes.pop("created_at", "2026-01-01T00:00:00Z"), "ktup-hard", "world", {}, {})
    numbers: dict[str, Any] = {
        "users": {user: 0.0 for user in USERS if user != "late"},
        "items": {
            "i1": 1.0, "i2": 1.1, "i3": 2.8, "i4": 1.4, "i5": 3.0, "i6": 1.3, "i7": 2.0, "a/b": 5.0, "..": 6.0,
        },
        "entities": {
            "f1": 0.0, "f2": 1.0, "f3": 5.0, "f4": 6.0, "f5": 9.0, "scott": 2.0, "cameron": 7.0, "horror": 4.0,
        },
        "relations": {"director": 1.0, "genre": 3.0},
        "facts": [fact for fact in FACTS if fact[1] != "sequel_of"],
    }  # fmt: skip
    return MemoryRelease(info, **(numbers | changes))
