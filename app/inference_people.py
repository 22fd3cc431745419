"""People as the ports see them, on one release: folded in, steered, and told why not. With app/inference.py it is what
reaches models/ from the service.

A user of the release without steering is ranked by the release's own search: the same list as without any of this.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.errors import NotInRelease
from app.inference_reasons import PersonRows, Reasons
from app.inference_rows import known_rows, preference_weights, scored_items
from app.ports import Attribution, ScoredItem
from app.ports_people import Change, Person, Place, PreferenceOfPerson, Standing, WhyNot
from app.ports_reasons import FullReason, Tied
from models.catalogue import Catalogue, check_multipliers
from models.explanation import why_not as reasons
from models.explanation.places import places_of
from models.explanation.profile import preference_profile
from models.fold_in.users import FoldInSettings, UserFolding
from models.release import Release
from models.retrieval.diversity import diversify, pool_size
from models.retrieval.scan import scan
from models.retrieval.search import Ranking
from models.retrieval.similar import similar_items


class People:
    """Answers for people on one release. What they share is made at the first call; nothing changes after it."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self._model = release.checkpoint.model
        self._n_preferences = int(self._model.n_preferences)
        names = release.checkpoint.vocabularies
        self._users, self._items = names["users"], names["items"]
        self._entities, self._relations = names["entities"], names["relations"]

    @cached_property
    def catalogue(self) -> Catalogue:
        """The item side of the model."""
        return Catalogue.of(self._model)

    @cached_property
    def folding(self) -> UserFolding:
        """How people are folded in."""
        training = self._release.checkpoint.manifest.get("training", {})
        sharpness = training.get("recommendation", {}).get("sharpness", FoldInSettings.sharpness)
        return UserFolding(self.catalogue, FoldInSettings(sharpness=float(sharpness)))

    def knows_preference(self, relation_id: str) -> bool:
        """Whether a preference is aligned with the relation."""
        row = self._relations.get(relation_id)
        return row is not None and row < self._n_preferences

    def is_folded_in(self, person: Person) -> bool:
        """Whether the history alone makes this person."""
        if person.user_id is not None and person.user_id in self._users:
            return False
        if not len(self._rows(person.history)):
            raise NotInRelease("user", person.user_id or "")
        return True

    def recommend(
        self,
        person: Person,
        n: int,
        exclude: Collection[str] = (),
        diversity: float = 0.0,
        among: Collection[str] | None = None,
    ) -> list[ScoredItem]:
        """Give the best n items, diversified where that is asked for."""
        excluded, everywhere = self._rows(exclude), among is None
        if among is not None:
            others = np.setdiff1d(np.arange(len(self._items)), self._rows(among), assume_unique=True)
            excluded = np.union1d(excluded, others)
        if diversity == 0.0:
            return scored_items(self._items, self._ranked(person, n, excluded, everywhere))
        pool = self._ranked(person, pool_size(n), excluded, everywhere)
        vectors = self.catalogue.items[torch.from_numpy(pool.rows)].numpy()
        chosen = diversify(vectors, pool.scores, n, diversity)
        return scored_items(self._items, Ranking(pool.rows[chosen], pool.scores[chosen]))

    def attribute(self, person: Person, item_ids: Sequence[str]) -> list[Attribution]:
        """Attribute each item's score to preferences, with the weights as steered."""
        rows = torch.tensor([self._item(item_id) for item_id in item_ids], dtype=torch.int64)
        if not len(rows):
            return []
        vector, multipliers = self.vector(person), self._multipliers(person)
        weights = self.catalogue.part(rows).weights(vector, multipliers).numpy()
        scores = self.catalogue.literal_scores(vector, rows, multipliers).tolist()
        told, mode = preference_weights(self._relations, weights), self._model.config.strategy
        return [
            Attribution(item_id, mode, score, preferences, self._without_top(vector, row, used, multipliers))
            for item_id, row, score, preferences, used in zip(item_ids, rows, scores, told, weights, strict=True)
        ]

    def standings(
        self, person: Person, item_ids: Sequence[str], relation_ids: Collection[str] = (), exclude: Collection[str] = ()
    ) -> list[Standing]:
        """Tell the place of each item, and its place with each of the relations masked."""
        rows = [self._item(item_id) for item_id in item_ids]
        vector, multipliers, excluded = self.vector(person), self._multipliers(person), self._rows(exclude)
        whole = torch.ones(self._n_preferences, dtype=torch.float64) if multipliers is None else multipliers
        places = self._places(vector, multipliers, rows, excluded)
        without = {}
        for relation_id in relation_ids:
            masked = whole.clone()
            masked[self._preference(relation_id)] = 0.0
            without[relation_id] = self._places(vector, masked, rows, excluded)
        return [
            Standing(item_id, places[k], {relation_id: found[k] for relation_id, found in without.items()})
            for k, item_id in enumerate(item_ids)
        ]

    @torch.no_grad()
    def _places(
        self, vector: Tensor, multipliers: Tensor | None, rows: Sequence[int], excluded: NDArray[np.int64]
    ) -> list[Place]:
        literal = self._literal(vector, torch.tensor(rows, dtype=torch.int64), multipliers)
        found = places_of(self._scores(vector, multipliers), literal, rows, excluded)
        return [Place(place.score, place.rank) for place in found]

    def _scores(self, vector: Tensor, multipliers: Tensor | None) -> Tensor:
        return self.catalogue.scores(vector, multipliers)

    def _literal(self, vector: Tensor, rows: Tensor, multipliers: Tensor | None) -> Tensor:
        return self.catalogue.literal_scores(vector, rows, multipliers)

    def _not_to_add(self, person: Person) -> NDArray[np.int64]:
        """Items that why-not does not propose to add; those that can make somebody do."""
        return self._rows(person.history)

    def why_not(self, person: Person, item_id: str, n: int, exclude: Collection[str] = ()) -> WhyNot:
        """Tell why an item is not among the first n, and what would change it."""
        multipliers = self._multipliers(person)
        whole = torch.ones(self._n_preferences, dtype=torch.float64) if multipliers is None else multipliers
        asked = reasons.Person(self.vector(person), whole, self._not_to_add(person), self._rows(exclude))
        found = reasons.why_not(self.catalogue, self.folding, asked, self._item(item_id), n)
        best = self._relations.id(found.best_preference)
        return WhyNot(item_id, found.rank, found.score, found.gap, best, found.best_score, self._change(found.change))

    def full_reasons(
        self,
        person: Person,
        asked: Sequence[Tied],
        n: int,
        exclude: Collection[str] = (),
        told: int = 5,
        evidence: int = 3,
    ) -> Iterator[FullReason]:
        """Tell of each item what stands behind its place; what items share is computed with the first."""
        rows, n_trained = self._rows(person.history), len(self._release.checkpoint.vocabularies["items"])
        # Only items that were trained fold anybody in.
        as_rows = PersonRows(
            self.vector(person), rows[rows < n_trained], self._rows(exclude), self._multipliers(person)
        )
        shared = Reasons(self.catalogue, self.folding, self._items, self._relations, as_rows)
        yield from shared.of(asked, n, told, evidence)

    def preferences(self, person: Person, behind: int = 5) -> list[PreferenceOfPerson]:
        """Give the preferences over the history, largest share first."""
        rows = self._rows(person.history)
        profile = preference_profile(self.catalogue, self.vector(person), rows, self._multipliers(person), behind)
        return [
            PreferenceOfPerson(
                self._relations.id(p.preference), p.weight, p.share, [self._items.id(row) for row in p.behind]
            )
            for p in profile
        ]

    def similar(
        self, item_id: str, n: int, exclude: Collection[str] = (), relation_id: str | None = None
    ) -> list[ScoredItem]:
        """Give the items nearest to one."""
        preference = None if relation_id is None else self._preference(relation_id)
        return scored_items(
            self._items, similar_items(self.catalogue, self._item(item_id), n, self._rows(exclude), preference)
        )

    def _ranked(self, person: Person, n: int, excluded: NDArray[np.int64], everywhere: bool) -> Ranking:
        """Rank; where only some items are open, an index might nominate none of them, and all are scanned."""
        multipliers = self._multipliers(person)
        row = None if person.user_id is None else self._users.get(person.user_id)
        if row is not None and multipliers is None and everywhere and not len(self._rows(person.recent)):
            return self._release.searcher.search(row, n, excluded)
        return scan(self.catalogue, self.vector(person), n, excluded, multipliers)

    @torch.no_grad()
    def vector(self, person: Person) -> Tensor:
        """Give the (d,) vector of a person; NotInRelease where nothing makes one."""
        if self.is_folded_in(person):
            return self.folding.fold(self._rows(person.history))
        trained: Tensor = self._model.user_vectors(torch.tensor([self._users.row(person.user_id or "")]))[0]
        return self.folding.moved(trained.to(torch.float64), self._rows(person.history), self._rows(person.recent))

    def _multipliers(self, person: Person) -> Tensor | None:
        """Give (P,) multipliers; None where none differs from 1."""
        multipliers = torch.ones(self._n_preferences, dtype=torch.float64)
        for relation_id, multiplier in person.multipliers.items():
            row = self._relations.get(relation_id)
            if row is not None and row < len(multipliers):
                multipliers[row] = multiplier
        check_multipliers(multipliers, self._n_preferences)
        return None if bool((multipliers == 1.0).all()) else multipliers

    def _without_top(
        self, vector: Tensor, row: Tensor, weights: NDArray[np.float64], multipliers: Tensor | None
    ) -> float:
        """Score without the heaviest preference; a single one has nothing to fall back on."""
        masked = torch.ones(len(weights), dtype=torch.float64) if multipliers is None else multipliers.clone()
        if len(weights) > 1:
            masked[int(np.abs(weights).argmax())] = 0.0
        return float(self.catalogue.literal_scores(vector, row.reshape(1), masked))

    def _change(self, change: reasons.Steering | reasons.Adding | None) -> Change | None:
        if isinstance(change, reasons.Steering):
            return Change("steer", self._relations.id(change.preference), change.multiplier)
        return None if change is None else Change("add", items=[self._items.id(row) for row in change.items])

    def _rows(self, item_ids: Collection[str]) -> NDArray[np.int64]:
        return known_rows(self._items, item_ids)

    def _preference(self, relation_id: str) -> int:
        row = self._relations.get(relation_id)
        if row is None or row >= self._n_preferences:
            raise NotInRelease("relation", relation_id)
        return row

    def _item(self, item_id: str) -> int:
        row = self._items.get(item_id)
        if row is None:
            raise NotInRelease("item", item_id)
        return row
