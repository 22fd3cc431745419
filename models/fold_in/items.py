"""A vector for an item from its facts alone, with every other vector fixed: items that came after training.

The entity e of the new item is placed where its facts hold best, in the least squares of TransH, eqs. (2, 3):

    min over e of  sum_heads |e_perp + r - t_perp|^2 + sum_tails |h_perp + r - e_perp|^2 + ridge |e - c|^2

with x_perp = x - (w_r . x) w_r and c the mean entity of the items that were trained. That is one d x d system. A model
whose facts are measured by L1 is folded in by the same squares, which have a closed form, where L1 has none.

The new item has no part of its own: nothing but interactions tells it. It gets the mean part of the trained aligned
items, so that i^ = i_mean + e, or its half, as the model combines them (models/joint/ktup.py).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.geometry import keep_in_unit_ball_, rows_of

Rows = NDArray[np.int64]


class NoFacts(ValueError):
    """An item has no fact that joins it to an entity of the model: there is nothing to place it by."""


@dataclass(frozen=True)
class FactsOf:
    """Facts of a new entity, as (n,) rows: the relation, the entity at the other end, and whether the new one is head.

    Facts whose relation or other entity the model does not know have no row, and are left out before.
    """

    relations: Rows
    others: Rows
    as_head: NDArray[np.bool_]


class ItemFolding:
    """Folds items into a model that scores facts by TransH and adds entities to items: KTUP. Nothing in it changes."""

    @torch.no_grad()
    def __init__(self, model: Any, ridge: float = 10.0) -> None:
        """Take the tables of the model in float64, and what is common to all new items.

        Raises:
            TypeError: the model has no facts, or they are not those of hyperplanes.
        """
        if not hasattr(model, "alignment") or not hasattr(model, "relation_normals"):
            raise TypeError(f"{type(model).__name__} does not add entities to items: facts tell nothing of an item")
        facts = model.facts
        self._entities, self._relations, self._normals = (
            table.detach().to(torch.float64) for table in (facts.entities, facts.relations, facts.normals)
        )
        aligned = model.alignment >= 0
        self._ridge, self._halved = ridge, model.config.combine == "mean"
        d = self._entities.shape[1]
        nothing = torch.zeros(d, dtype=torch.float64)
        own = model.items.detach().to(torch.float64)[aligned]
        self._own = own.mean(0) if len(own) else nothing
        self._centre = self._entities[model.alignment[aligned]].mean(0) if len(own) else nothing

    @torch.no_grad()
    def entity(self, facts: FactsOf) -> Tensor:
        """Give the (d,) vector of a new entity, inside the unit ball.

        Raises:
            NoFacts: there are none.
            IndexError: a row is outside its vocabulary.
        """
        if not len(facts.relations):
            raise NoFacts("an item without a known fact cannot be folded in")
        relations, others = torch.from_numpy(facts.relations), torch.from_numpy(facts.others)
        w, translation, x = (
            rows_of(table, rows)
            for table, rows in ((self._normals, relations), (self._relations, relations), (self._entities, others))
        )
        sign = torch.from_numpy(np.where(facts.as_head, -1.0, 1.0)).unsqueeze(1)
        target = x - (w * x).sum(-1, keepdim=True) * w + sign * translation
        # (I - w w')' (I - w w') = I - (2 - |w|^2) w w', summed over the facts; likewise (I - w w') target.
        along = w * (2.0 - w.square().sum(-1, keepdim=True))
        eye = torch.eye(w.shape[1], dtype=torch.float64)
        system = (len(w) + self._ridge) * eye - w.T @ along
        wanted = (target - (w * target).sum(-1, keepdim=True) * w).sum(0) + self._ridge * self._centre
        found: Tensor = torch.linalg.solve(system, wanted)
        keep_in_unit_ball_(found.unsqueeze(0))
        return found

    def item(self, facts: FactsOf) -> Tensor:
        """Give the (d,) item vector i^ of a new item; raises as `entity`."""
        return self._with_own(self.entity(facts))

    def item_of(self, entity_row: int) -> Tensor:
        """Give the (d,) item vector i^ of a new item that is an entity of the model: another edition of a known work.

        Raises:
            IndexError: the row is outside its vocabulary.
        """
        return self._with_own(rows_of(self._entities, torch.tensor([entity_row]))[0])

    def _with_own(self, entity: Tensor) -> Tensor:
        total = self._own + entity
        return total / 2.0 if self._halved else total
