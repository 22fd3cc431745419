"""A data set as dense rows: what training and evaluation compute on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.vocabulary import Vocabulary
from training.data.dataset import Dataset
from training.data.keys import rows_of
from training.data.schema import SPLITS
from training.data.shards.users import UserShards, in_order

UNALIGNED = -1


@dataclass(frozen=True)
class IndexedDataset:
    """Vocabularies in the order of the tables, and everything else as rows of them.

    Attributes:
        interactions: split -> (n, 2) int64, user row and item row.
        triples: split -> (n, 3) int64, head row, relation row, tail row (this order, whatever the source had).
        alignment: (n_items,) int64, the entity row of each item, or -1.
        rejected: (n, 3) int64, rows as in `triples`, of facts that people called false.
        created_at: when the data set was written (ISO 8601): nothing later is in it. None where nobody knows.
        shards: how users are cut into shards where `interactions` hold those of some of them alone; else None.
    """

    name: str
    content_hash: str
    users: Vocabulary
    items: Vocabulary
    entities: Vocabulary
    relations: Vocabulary
    interactions: Mapping[str, NDArray[np.int64]]
    triples: Mapping[str, NDArray[np.int64]]
    alignment: NDArray[np.int64]
    rejected: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 3), np.int64))
    created_at: str | None = None
    shards: UserShards | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Number the ids of `dataset`; rows stay in the order of its tables."""
        users, items = dataset.users["user_id"], dataset.items["item_id"]
        entities, relations = dataset.entities["entity_id"], dataset.relations["relation_id"]
        return cls(
            name=dataset.name,
            content_hash=dataset.manifest.content_hash,
            users=Vocabulary(users),
            items=Vocabulary(items),
            entities=Vocabulary(entities),
            relations=Vocabulary(relations),
            interactions=_by_split(dataset.interactions, {"user_id": users, "item_id": items}),
            triples=_by_split(dataset.triples, {"head": entities, "relation": relations, "tail": entities}),
            alignment=_alignment(dataset.links, items, entities),
            rejected=_columns(dataset.rejected, {"head": entities, "relation": relations, "tail": entities}),
            created_at=dataset.manifest.created_at.isoformat(timespec="seconds"),
        )

    def of_shards(self, n_shards: int, held: range) -> Self:
        """Cut users into shards, and keep the interactions of those of `held` alone, sorted by user and item."""
        every = np.concatenate([rows[:, 0] for rows in self.interactions.values()])
        shards = UserShards.cut(np.bincount(every, minlength=len(self.users)), n_shards, held)
        kept = {split: rows[shards.holds(rows[:, 0])] for split, rows in self.interactions.items()}
        return replace(self, interactions=kept, shards=shards).sorted_by_user()

    def sorted_by_user(self) -> Self:
        """Put interactions in order of user and item, whatever the order of the tables."""
        return replace(self, interactions={s: in_order(r, len(self.items)) for s, r in self.interactions.items()})

    @property
    def settled(self) -> NDArray[np.int64]:
        """Facts that no ranking offers: (n, 3) rows of all splits, and what was rejected."""
        return np.concatenate([*self.triples.values(), self.rejected])

    @property
    def described(self) -> dict[str, str]:
        """What a checkpoint says of its data set: which one, and until when it knows anything, where that is known."""
        named = {"name": self.name, "content_hash": self.content_hash}
        return named if self.created_at is None else {**named, "created_at": self.created_at}

    @property
    def vocabularies(self) -> dict[str, Vocabulary]:
        """The four vocabularies by the names that a checkpoint uses."""
        return {"users": self.users, "items": self.items, "entities": self.entities, "relations": self.relations}


def _columns(table: pl.DataFrame, vocabularies: Mapping[str, pl.Series]) -> NDArray[np.int64]:
    columns = [rows_of(table[column], vocabulary) for column, vocabulary in vocabularies.items()]
    return np.ascontiguousarray(np.stack(columns, axis=1)) if table.height else np.empty((0, len(columns)), np.int64)


def _by_split(table: pl.DataFrame, vocabularies: Mapping[str, pl.Series]) -> dict[str, NDArray[np.int64]]:
    rows = _columns(table, vocabularies)
    return {split: rows[(table["split"] == split).to_numpy()] for split in SPLITS}


def _alignment(links: pl.DataFrame, items: pl.Series, entities: pl.Series) -> NDArray[np.int64]:
    alignment = np.full(len(items), UNALIGNED, dtype=np.int64)
    alignment[rows_of(links["item_id"], items)] = rows_of(links["entity_id"], entities)
    return alignment
