"""Reasons in full on a `MemoryRelease`, by trying everything: the smallest set of all is taken back."""

from collections.abc import Collection
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from app.ports import Tie
from app.ports_people import Person, Place
from app.ports_reasons import Counterfactual, FullReason, Tied

if TYPE_CHECKING:
    from tests.app.memory_people import MemoryPeople


class MemoryReasons:
    def __init__(self, people: "MemoryPeople", person: Person, n: int, exclude: Collection[str]) -> None:
        self._people, self._person, self._n, self._exclude = people, person, n, exclude
        self._folded = Person(None, people.known(person), person.multipliers)

    def of(self, one: Tied, told: int, evidence: int) -> FullReason:
        item_id, preferences = one.attribution.item_id, one.attribution.preferences[:told]
        names = [preference.relation_id for preference in preferences]
        drops = self._drops(item_id, [t for t in one.ties if t.relation_id == names[0]])
        place = self._people.place(self._person, item_id, self._exclude)
        without = {name: self._steered({name: 0.0}, item_id) for name in names}
        only = {name: self._steered({r: float(r == name) for r in names}, item_id) for name in names}
        second = without[names[0]].score
        return FullReason(
            item_id, place, place.score, place.score - second, without, only,
            self._ranked(one, drops)[:evidence], drops, self._taken_back(item_id),
        )  # fmt: skip

    def _steered(self, multipliers: dict[str, float], item_id: str) -> Place:
        steered = replace(self._person, multipliers={**self._person.multipliers, **multipliers})
        return self._people.place(steered, item_id, self._exclude)

    def _without(self, removed: Collection[str]) -> Person:
        return replace(self._folded, history=[i for i in self._folded.history if i not in removed])

    def _drops(self, item_id: str, ties: Collection[Tie]) -> dict[str, float]:
        history = self._folded.history
        tied = {t.history_item for t in ties if t.history_item in history} if len(history) > 1 else set()
        whole = self._people.place(self._folded, item_id, self._exclude).score if tied else 0.0
        return {old: whole - self._people.place(self._without({old}), item_id, self._exclude).score for old in tied}

    def _ranked(self, one: Tied, drops: dict[str, float]) -> list[Tie]:
        shares = {p.relation_id: p.share for p in one.attribution.preferences}
        order = sorted(
            one.ties,
            key=lambda t: (
                -shares.get(t.relation_id, 0.0),
                -drops.get(t.history_item, float("-inf")),
                t.fan,
                t.history_item,
            ),
        )
        best: dict[str, Tie] = {}
        for tie in order:
            best.setdefault(tie.history_item, tie)
        return list(best.values())

    def _taken_back(self, item_id: str) -> Counterfactual:
        history = self._folded.history
        if not history:
            return Counterfactual(reason="too_few_actions")
        reference = self._people.place(self._folded, item_id, self._exclude).rank
        if reference > self._n:
            return Counterfactual(reference_rank=reference, reason="not_in_reference")
        for size in range(1, len(history)):
            for removed in combinations(history, size):
                rank = self._people.place(self._without(removed), item_id, self._exclude).rank
                if rank > self._n:
                    return Counterfactual(removed, rank, reference, True)
        return Counterfactual(reference_rank=reference, reason="none_found" if len(history) > 1 else "too_few_actions")
