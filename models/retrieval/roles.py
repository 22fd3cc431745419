"""Which entities were seen in which role of which relation, in training: the type check of completion."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, from_numpy

from models.retrieval.ranking import RowLists

Side = Literal["head", "tail"]
SIDES: tuple[Side, Side] = ("head", "tail")


class Roles:
    """For each relation the sorted entity rows that stood as its head, and as its tail."""

    def __init__(self, lists: Mapping[Side, RowLists]) -> None:
        self._lists = lists

    @classmethod
    def of_triples(cls, triples: NDArray[np.int64], n_relations: int) -> "Roles":
        """Read them off (n, 3) head, relation, tail rows."""
        return cls(
            {
                "head": RowLists.of_pairs(triples[:, [1, 0]], n_relations),
                "tail": RowLists.of_pairs(triples[:, [1, 2]], n_relations),
            }
        )

    def entities(self, relation: int, side: Side) -> NDArray[np.int64]:
        """Give the (n,) sorted entity rows seen on that side of that relation."""
        return self._lists[side][relation]

    def mask(self, relations: NDArray[np.int64], side: Side, n_entities: int) -> NDArray[np.bool_]:
        """Tell for (B,) relations which entities were seen on that side; returns (B, n_entities)."""
        seen = np.zeros((len(relations), n_entities), dtype=np.bool_)
        seen[self._lists[side].pairs_of(relations)] = True
        return seen

    def relations_between(self, head: int, tail: int, n_relations: int) -> NDArray[np.int64]:
        """Give the relations that had this entity as head and that one as tail, each in some fact."""
        seen = [r for r in range(n_relations) if _holds(self.entities(r, "head"), head)]
        return np.array([r for r in seen if _holds(self.entities(r, "tail"), tail)], dtype=np.int64)

    def tensors(self) -> dict[str, Tensor]:
        """Give all of it as tensors by name, to be stored."""
        stored = {}
        for side in SIDES:
            stored[f"{side}.starts"] = from_numpy(self._lists[side].starts)
            stored[f"{side}.entities"] = from_numpy(self._lists[side].columns)
        return stored

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, Tensor]) -> "Roles":
        """Read what `tensors` gave; KeyError where a part is missing."""
        return cls(
            {side: RowLists(tensors[f"{side}.starts"].numpy(), tensors[f"{side}.entities"].numpy()) for side in SIDES}
        )


def _holds(sorted_rows: NDArray[np.int64], row: int) -> bool:
    place = int(np.searchsorted(sorted_rows, row))
    return place < len(sorted_rows) and int(sorted_rows[place]) == row
