"""Reasons in full on one release: between external ids and the rows of models/explanation.

With app/inference.py and app/inference_people.py it is what reaches models/ from the service.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.ports_people import Place
from app.ports_reasons import Counterfactual, FullReason, Tied
from models.catalogue import Catalogue
from models.explanation.counterfactual import counterfactual
from models.explanation.evidence import rank_ties_by_drop
from models.explanation.leaving_out import LeavingOut, score_drops
from models.explanation.places import Place as ModelPlace
from models.explanation.places import Places, margin, rebuilt_score
from models.fold_in.users import UserFolding
from models.vocabulary import Vocabulary

TRIED = 3
"""History items that are left out for one item, of those that stored facts tie to it by the first preference."""


@dataclass(frozen=True, slots=True)
class PersonRows:
    """A person as rows: a (d,) vector, the history that the release knows, what is never in the list, multipliers."""

    vector: Tensor
    history: NDArray[np.int64]
    excluded: NDArray[np.int64]
    multipliers: Tensor | None


class Reasons:
    """Explains items of one person in full; what their items share is computed once."""

    def __init__(
        self, catalogue: Catalogue, folding: UserFolding, items: Vocabulary, relations: Vocabulary, person: PersonRows
    ) -> None:
        self._catalogue, self._items, self._relations, self._person = catalogue, items, relations, person
        self._leaving: LeavingOut | None = None
        if len(person.history):
            self._leaving = LeavingOut(
                catalogue, folding, person.history, person.excluded, person.multipliers, person.vector
            )

    def of(self, asked: Sequence[Tied], n: int, told: int, evidence: int) -> Iterator[FullReason]:
        """Explain items that may be among the first n, one by one, by at most `told` preferences, `evidence` ties."""
        person, names = self._person, [[p.relation_id for p in one.attribution.preferences[:told]] for one in asked]
        rows = [self._items.row(one.attribution.item_id) for one in asked]
        places = Places(self._catalogue, person.vector, rows, person.excluded, person.multipliers)
        as_they_are = places.as_they_are()
        relations = sorted({relation for each in names for relation in each})
        without = {r: places.without(self._relations.row(r)) for r in relations}
        only = {r: places.only(self._relations.row(r)) for r in relations}
        for at, (one, row) in enumerate(zip(asked, rows, strict=True)):
            drops = self._drops(one, row)
            shares = {p.relation_id: p.share for p in one.attribution.preferences}
            yield FullReason(
                one.attribution.item_id,
                _place(as_they_are[at]),
                self._rebuilt(one, row),
                margin(self._catalogue, person.vector, row, person.multipliers),
                {r: _place(without[r][at]) for r in names[at]},
                {r: _place(only[r][at]) for r in names[at]},
                rank_ties_by_drop(one.ties, shares, drops, evidence),
                drops,
                self._taken_back(row, n),
            )

    def _rebuilt(self, one: Tied, row: int) -> float:
        weights = torch.zeros(len(self._catalogue.space.preferences), dtype=torch.float64)
        for preference in one.attribution.preferences:
            weights[self._relations.row(preference.relation_id)] = preference.weight
        return rebuilt_score(self._catalogue, self._person.vector, row, weights)

    def _drops(self, one: Tied, row: int) -> dict[str, float]:
        top = one.attribution.preferences[0].relation_id
        tied = dict.fromkeys(tie.history_item for tie in one.ties if tie.relation_id == top)
        known = {old: name for name in tied if (old := self._items.get(name)) is not None}
        if self._leaving is None or not known:
            return {}
        return {known[old]: drop for old, drop in score_drops(self._leaving, row, list(known), TRIED).items()}

    def _taken_back(self, row: int, n: int) -> Counterfactual:
        if self._leaving is None:
            return Counterfactual(reason="too_few_actions")
        found = counterfactual(self._leaving, row, n)
        remove = tuple(self._items.id(old) for old in found.remove)
        rank = found.rank if found.found else None
        return Counterfactual(remove, rank, found.reference_rank, found.found, found.reason)


def _place(place: ModelPlace) -> Place:
    return Place(place.score, place.rank)
