"""Every item measured, none stored twice: exact for any strategy and norm, one matrix product for many users."""

import math
from typing import Any

import numpy as np

from models.preferences import Strategy
from models.retrieval.items import ItemTable, Users
from models.retrieval.nominations import Excluded, IndexShape, Nominations, nearest, pairs_of

CHUNK_ELEMENTS = 1 << 24
"""Distances of a chunk of users, 64 MiB: what items bring to a matrix product is made once for a chunk."""


class ItemScan:
    """All items, in the order of the vocabulary."""

    def __init__(self, table: ItemTable, shape: IndexShape) -> None:
        self.table, self.shape = table, shape

    @classmethod
    def build(cls, model: Any, items_hash: str) -> "ItemScan":
        """Take the items of a preference model."""
        return cls(ItemTable.of(model.item_vectors(), model.space), IndexShape.of(model, items_hash))

    def proves(self, strategy: Strategy) -> bool:
        """Every item is measured: always."""
        return True

    def nominate(self, users: Users, m: int, least: int, excluded: Excluded) -> Nominations:
        """Name the m nearest; at most CHUNK_ELEMENTS distances are held at a time."""
        size = max(1, CHUNK_ELEMENTS // max(1, len(self.table)))
        pieces = []
        for start in range(0, len(users), size):
            part = slice(start, start + size)
            distances = self.table.distances(users[part])
            distances[pairs_of(excluded[part])] = math.inf
            pieces.append(nearest(distances, m))
        rows, bounds = (np.concatenate(column) for column in zip(*pieces, strict=True))
        return Nominations(rows, bounds)
