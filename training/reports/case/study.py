"""The case of section 6.7: one user's history, the stored facts, and what is recommended because of them.

The user is chosen by a rule, not by hand: most grounded reasons in the list of ten, then the shortest history, then
the first in the data set. As in the service, a reason is grounded where a stored fact ties the item to the history
under the relation that weighed most, and the score falls when the model may not use that relation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.checkpoint import load_checkpoint
from models.explanation.attribution import PairAttributions, attribute
from models.explanation.evidence import rank_ties
from models.retrieval.ranking import RowLists, top_n
from training.data.indexed import IndexedDataset
from training.evaluation.protocol import PROTOCOLS
from training.reports.case.facts import Rows, Tie, TrainingFacts
from training.reports.results import Results
from training.run_state import CHECKPOINT
from training.suite.running import RUN

SYSTEM, TOP_N, MAX_TIES = "ktup-soft", 10, 2
RULE = (
    "the user with the most grounded reasons among the ten recommended items; among equals the one with the shortest "
    "history, then the first in the data set"
)


@dataclass(frozen=True)
class Recommended:
    """One item of the list: the relation that weighed most, its share of the weights, and the best ties under it."""

    item_id: str
    relation_id: str
    share: float
    grounded: bool
    ties: tuple[Tie, ...]
    in_test: bool


@dataclass(frozen=True)
class CaseStudy:
    """One user of one checkpoint; `relations` are those that weigh most over the history, with their mean share."""

    system: str
    seed: int
    user_id: str
    history: tuple[str, ...]
    relations: Mapping[str, float]
    recommended: tuple[Recommended, ...]
    users_with_ten_grounded: int
    users: int

    @property
    def grounded(self) -> int:
        """How many reasons are grounded."""
        return sum(item.grounded for item in self.recommended)


def case_study(results: Results, dataset: IndexedDataset) -> CaseStudy | None:
    """Choose the user and gather the reasons; None without a KTUP (soft) checkpoint, or without anybody to choose.

    Raises:
        CheckpointError: the checkpoint is not sound.
    """
    runs = [run for run in results.of(SYSTEM) if _checkpoint(results.folder_of(run)).exists()]
    if not runs:
        return None
    checkpoint = load_checkpoint(_checkpoint(results.folder_of(runs[0])))
    chooser = _Chooser(checkpoint.model.to(torch.float64), dataset, results.protocol)
    return chooser.study(runs[0].system, runs[0].seed) if len(chooser.users) else None


def _checkpoint(folder: Path) -> Path:
    return folder / RUN / CHECKPOINT


class _Chooser:
    """Lists and attributions of all users with a history; float64, as in the service."""

    def __init__(self, model: Any, dataset: IndexedDataset, protocol: str) -> None:
        self.model, self.dataset, self.facts = model, dataset, TrainingFacts(dataset)
        n_users = len(dataset.users)
        self.history = RowLists.of_pairs(dataset.interactions["train"], n_users)
        self.test = RowLists.of_pairs(dataset.interactions["test"], n_users)
        excluded = [dataset.interactions[split] for split in PROTOCOLS[protocol].excluded["test"]]
        self.users = np.flatnonzero(np.diff(self.history.starts)).astype(np.int64)
        self.lists = top_n(model, self.users, TOP_N, RowLists.of_pairs(np.concatenate(excluded), n_users))

    def study(self, system: str, seed: int) -> CaseStudy:
        counts = np.array([int(self._grounded(place)[1].sum()) for place in range(len(self.users))])
        lengths = np.diff(self.history.starts)[self.users]
        place = int(np.lexsort((np.arange(len(counts)), lengths, -counts))[0])
        user = int(self.users[place])
        history = self.history[user]
        return CaseStudy(
            system=system,
            seed=seed,
            user_id=self.dataset.users.id(user),
            history=tuple(self.dataset.items.id(int(row)) for row in history),
            relations=self._relations(user, history),
            recommended=self._recommended(place),
            users_with_ten_grounded=int((counts == TOP_N).sum()),
            users=len(self.users),
        )

    def _grounded(self, place: int) -> tuple[PairAttributions, NDArray[np.bool_]]:
        """Give the attributions of a user's list, and which reasons are grounded."""
        user = int(self.users[place])
        items = self._items(place)
        found = attribute(self.model, user, items)
        tied = self.facts.are_tied(items, _tops(found), self.history[user])
        return found, tied & (found.scores_without_top < found.scores)

    def _items(self, place: int) -> Rows:
        listed: Rows = self.lists[place]
        return listed[listed >= 0]

    def _recommended(self, place: int) -> tuple[Recommended, ...]:
        user, (found, grounded) = int(self.users[place]), self._grounded(place)
        items, shares, relations = self._items(place), _shares(found), self.dataset.relations
        listed = []
        for k, row in enumerate(items.tolist()):
            relation = relations.id(int(_tops(found)[k]))
            ties = [tie for tie in self.facts.ties(row, self.history[user]) if tie.relation_id == relation]
            ranked = tuple(rank_ties(ties, {relation: 1.0}, MAX_TIES))
            share, in_test = float(shares[k].max()), row in self.test[user]
            listed.append(
                Recommended(self.dataset.items.id(row), relation, share, bool(grounded[k]), ranked, bool(in_test))
            )
        return tuple(listed)

    def _relations(self, user: int, history: Rows) -> dict[str, float]:
        """Give the three relations with the largest mean share over the history."""
        shares = _shares(attribute(self.model, user, history)).mean(axis=0)
        return {self.dataset.relations.id(int(k)): float(shares[k]) for k in np.argsort(-shares, kind="stable")[:3]}


def _tops(found: PairAttributions) -> Rows:
    return np.asarray(np.abs(found.weights).argmax(axis=1), dtype=np.int64)


def _shares(found: PairAttributions) -> NDArray[np.float64]:
    weights = np.abs(found.weights)
    return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300))
