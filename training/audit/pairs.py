"""One pair, tried in every way that its reason claims something."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.catalogue import Catalogue
from models.explanation.counterfactual import counterfactual, is_out
from models.explanation.evidence import rank_ties_by_drop
from models.explanation.leaving_out import LeavingOut, score_drops
from models.explanation.places import Place, Places, rebuilt_score
from models.fold_in.users import FoldInSettings, UserFolding
from models.release import Release
from models.retrieval.ranking import RowLists
from training.audit.stored import StoredFacts, StoredTie
from training.data.indexed import IndexedDataset

TOP_N, TRIED, CITED = 10, 3, 3
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Reason:
    """What is told of one pair: rows of preferences and items, and facts as rows.

    `named` is the preference that weighs most, `drops` by how much the score falls without each history item that was
    tried, `remove` the counterfactual, `missing` why there is none.
    """

    named: int
    share: float
    place: Place
    rebuilt: float
    without: Place
    only: Place
    cited: tuple[StoredTie, ...]
    drops: tuple[tuple[str, float], ...]
    remove: tuple[int, ...]
    rank_without: int
    missing: str | None

    @property
    def tied(self) -> StoredTie | None:
        """The best tie under the named preference; it is the first, where there is one."""
        return self.cited[0] if self.drops and self.cited else None

    @property
    def grounded(self) -> bool:
        """Whether a stored fact stands under the named preference, and masking hurts."""
        hurts = self.without.score < self.place.score or self.without.rank > self.place.rank
        return bool(self.drops) and hurts

    def as_bytes(self) -> bytes:
        """Write it; equal reasons are equal bytes."""
        return json.dumps(asdict(self), sort_keys=True).encode("utf-8")


@dataclass(frozen=True)
class Examined:
    """A reason with what it is held against: another preference, another history item, everything tried again."""

    user: int
    item: int
    reason: Reason
    random: int
    random_without: Place
    random_only: Place
    random_drop: float | None
    all_stored: bool
    verified: bool
    minimal: bool
    stable: bool


class Examiner:
    """Explains pairs of one release on its data set, as the service does, and tries what was told."""

    def __init__(self, release: Release, dataset: IndexedDataset) -> None:
        self.release, self.dataset = release, dataset
        self.model = release.checkpoint.model
        self.catalogue = Catalogue.of(self.model)
        training = release.manifest.get("training", {})
        sharpness = training.get("recommendation", {}).get("sharpness", FoldInSettings.sharpness)
        self.folding = UserFolding(self.catalogue, FoldInSettings(sharpness=float(sharpness)))
        self.seen = RowLists.of_pairs(dataset.interactions["train"], len(dataset.users))
        self.stored = StoredFacts(dataset)

    def sample(self, pairs: int, generator: np.random.Generator) -> list[tuple[int, int]]:
        """Draw users who met at least two items, each with one item of their first ten."""
        able = np.flatnonzero([len(self.seen[user]) >= 2 for user in range(len(self.dataset.users))])
        users = generator.permutation(able)[:pairs]
        lists = self.release.searcher.search_many(users, TOP_N, [self.seen[user] for user in users.tolist()])
        chosen = [(int(u), ranking.rows) for u, ranking in zip(users, lists, strict=True) if len(ranking.rows)]
        return [(user, int(generator.choice(rows))) for user, rows in chosen]

    def examine(self, user: int, item: int, generator: np.random.Generator) -> Examined:
        """Explain one pair and try it."""
        reason, again = self.explain(user, item), self.explain(user, item)
        others = [k for k in range(len(self.catalogue.space.preferences)) if k != reason.named]
        random = int(generator.choice(others or [reason.named]))
        places, leaving = self._places(user, item), self._leaving(user)
        removed = frozenset(reason.remove)
        out = bool(removed) and is_out(leaving, item, TOP_N, removed)
        spared = [is_out(leaving, item, TOP_N, removed - {row}) for row in removed]
        return Examined(
            user, item, reason, random, places.without(random)[0], places.only(random)[0],
            self._random_drop(leaving, item, reason, generator),
            all(fact in self.stored.triples for tie in reason.cited for fact in tie.facts),
            out, out and not any(spared), reason.as_bytes() == again.as_bytes(),
        )  # fmt: skip

    def explain(self, user: int, item: int) -> Reason:
        """Tell what the service tells in full; nothing is kept from one call to the next."""
        vector = self.vector(user)
        weights = self.catalogue.part(torch.tensor([item])).weights(vector)[0]
        sizes = weights.abs().numpy()
        named, shares = int(sizes.argmax()), sizes / (sizes.sum() or 1.0)
        places, leaving = self._places(user, item), self._leaving(user)
        ties = self.stored.ties(item, self.seen[user])
        drops = self._drops(leaving, item, [tie for tie in ties if tie.relation_id == self._relation(named)])
        by_relation = {self._relation(k): float(share) for k, share in enumerate(shares)}
        found = counterfactual(leaving, item, TOP_N)
        return Reason(
            named, float(shares[named]), places.as_they_are()[0],
            rebuilt_score(self.catalogue, vector, item, weights),
            places.without(named)[0], places.only(named)[0],
            tuple(rank_ties_by_drop(ties, by_relation, drops, CITED)), tuple(sorted(drops.items())),
            found.remove, found.rank, found.reason,
        )  # fmt: skip

    def _relation(self, preference: int) -> str:
        return self.dataset.relations.id(preference)

    @torch.no_grad()
    def vector(self, user: int) -> torch.Tensor:
        """Give the (d,) vector that was trained for a user."""
        vector: torch.Tensor = self.model.user_vectors(torch.tensor([user]))[0]
        return vector.to(torch.float64)

    def _places(self, user: int, item: int) -> Places:
        return Places(self.catalogue, self.vector(user), [item], self.seen[user])

    def _leaving(self, user: int) -> LeavingOut:
        return LeavingOut(self.catalogue, self.folding, self.seen[user], self.seen[user], own=self.vector(user))

    def _drops(self, leaving: LeavingOut, item: int, ties: Sequence[StoredTie]) -> dict[str, float]:
        rows = [self.dataset.items.row(tie.history_item) for tie in ties]
        found = score_drops(leaving, item, rows, TRIED)
        return {self.dataset.items.id(row): drop for row, drop in found.items()}

    def _random_drop(
        self, leaving: LeavingOut, item: int, reason: Reason, generator: np.random.Generator
    ) -> float | None:
        """Leave out another history item than the cited one, where one is cited and there is another."""
        if reason.tied is None:
            return None
        cited = self.dataset.items.row(reason.tied.history_item)
        others = leaving.history[leaving.history != cited]
        (drop,) = score_drops(leaving, item, [int(generator.choice(others))], 1).values()
        return drop
