"""Which of our columns a table has, by its own names or as a person says, and so what it is a table of."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["interactions", "triples", "links", "items", "entities"]

ALIASES: Mapping[str, tuple[str, ...]] = {
    "user_id": ("userid", "user", "uid"),
    "item_id": ("itemid", "item", "iid"),
    "value": ("value", "rating", "score", "weight", "count"),
    "timestamp": ("timestamp", "time", "date", "datetime"),
    "split": ("split",),
    "head": ("head", "headid", "subject"),
    "relation": ("relation", "relationid", "predicate"),
    "tail": ("tail", "tailid", "object"),
    "entity_id": ("entityid", "entity"),
    "title": ("title", "name"),
    "label": ("label",),
}
"""Ours -> theirs in small letters and digits alone: `User-ID` is `userid`. Earlier ones win."""

NEEDED: Mapping[Kind, tuple[str, ...]] = {
    "interactions": ("user_id", "item_id"),
    "triples": ("head", "relation", "tail"),
    "links": ("item_id", "entity_id"),
    "items": ("item_id",),
    "entities": ("entity_id", "label"),
}
OPTIONAL: Mapping[Kind, tuple[str, ...]] = {
    "interactions": ("value", "timestamp", "split"),
    "triples": ("split",),
    "items": ("title",),
}


@dataclass(frozen=True)
class Found:
    """What a table holds.

    Attributes:
        kind: what its rows are.
        columns: ours -> theirs.
        told: relation -> the column whose cells are facts of the row's item.
        unused: theirs that are none of these.
        said: ours that a person gave a column for.
    """

    kind: Kind
    columns: Mapping[str, str]
    told: Mapping[str, str]
    unused: Sequence[str]
    said: frozenset[str] = frozenset()

    @property
    def likeness(self) -> float:
        """How sure a table is ours: more where the needed columns have our names, or were said, than by aliases."""
        return 0.7 if all(self.columns[ours] == ours or ours in self.said for ours in NEEDED[self.kind]) else 0.4


def place(names: Iterable[str], said: Mapping[str, str]) -> Found | None:
    """Find what a table holds by the names of its columns.

    Args:
        names: theirs.
        said: ours -> theirs, as a person says, before any alias; a name that is none of ours is that of a relation.
    """
    names = [name for name in names if name]
    chosen = {ours: said[ours] for ours in ALIASES if said.get(ours) in names}
    told = {name: theirs for name, theirs in said.items() if name not in ALIASES and theirs in names}
    free = [name for name in names if name not in said.values() and names.count(name) == 1]
    for ours, aliases in ALIASES.items():
        found = next((name for alias in aliases for name in free if _plain(name) == alias), None)
        if ours not in said and found is not None:
            chosen[ours] = found
    kind = _kind(chosen, told)
    if kind is None:
        return None
    columns = {ours: chosen[ours] for ours in (*NEEDED[kind], *OPTIONAL.get(kind, ())) if ours in chosen}
    told = told if "item_id" in columns else {}
    unused = [name for name in names if name not in (*columns.values(), *told.values())]
    return Found(kind, columns, told, unused, frozenset(said))


def _kind(chosen: Mapping[str, str], told: Mapping[str, str]) -> Kind | None:
    for kind, needed in NEEDED.items():
        if all(ours in chosen for ours in needed) and (kind != "items" or "title" in chosen or told):
            return kind
    return None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
