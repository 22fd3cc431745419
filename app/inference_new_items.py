"""A release together with items that came after training: scored by the same model, merged exactly by score.

An item whose entity the release knows gets that entity's trained vector; one whose entity is new, the vector that its
facts give it (models/fold_in/items.py). What the release knows is nominated and ranked as ever; the new items, of which
there are few, are all scored by the literal equation, so that the merged list is the list over all items.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.inference_people import People
from app.ports import Attribution, Fact, LoadedRelease, ReleaseInfo, ScoredItem, Tie
from app.ports_people import Person
from models.catalogue import Catalogue
from models.fold_in.items import FactsOf, ItemFolding, NoFacts
from models.fold_in.users import UserFolding
from models.release import Release
from models.retrieval.diversity import diversify, pool_size
from models.retrieval.scan import scan
from models.retrieval.search import Ranking
from models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from app.ports import Completer

_Rows = NDArray[np.int64]
_Key = tuple[int | None, tuple[tuple[int, int, bool], ...]]


class Placing:
    """Makes vectors for new items of one release, and keeps those of the last call: most items stay as they were."""

    def __init__(self, release: Release) -> None:
        self._model = release.checkpoint.model
        names = release.checkpoint.vocabularies
        self._entities, self._relations = names["entities"], names["relations"]
        self._kept: dict[_Key, Tensor] = {}

    @cached_property
    def _folding(self) -> ItemFolding | None:
        try:
            return ItemFolding(self._model)
        except TypeError:
            return None

    def vectors(self, entities: Mapping[str, str], facts: Collection[Fact]) -> dict[str, Tensor]:
        """Give the (d,) vector of each item that has one, by id, in the order given."""
        if self._folding is None:
            return {}
        ends: defaultdict[str, set[tuple[int, int, bool]]] = defaultdict(set)
        for fact in facts:
            for entity_id in (fact[0], fact[2]):
                row = self._fact_row(entity_id, fact)
                if row is not None:
                    ends[entity_id].add(row)
        keys = {item_id: (self._entities.get(e), tuple(sorted(ends[e]))) for item_id, e in entities.items()}
        kept = {key: self._kept[key] if key in self._kept else self._vector(key) for key in set(keys.values())}
        self._kept = {key: vector for key, vector in kept.items() if vector is not None}
        return {item_id: self._kept[key] for item_id, key in keys.items() if key in self._kept}

    def _vector(self, key: _Key) -> Tensor | None:
        assert self._folding is not None
        entity, facts = key
        if entity is not None:
            return self._folding.item_of(entity)
        relations, others, as_head = (np.array([row[k] for row in facts]) for k in range(3))
        try:
            return self._folding.item(
                FactsOf(relations.astype(np.int64), others.astype(np.int64), as_head.astype(np.bool_))
            )
        except NoFacts:
            return None

    def _fact_row(self, entity_id: str, fact: Fact) -> tuple[int, int, bool] | None:
        head, relation_id, tail = fact
        if head == tail:
            return None
        relation, other = self._relations.get(relation_id), self._entities.get(tail if head == entity_id else head)
        return None if relation is None or other is None else (relation, other, head == entity_id)


class NewItems(People):
    """Answers for people on the new items alone; who a person is, the release says."""

    def __init__(self, known: People, release: Release, ids: Sequence[str], catalogue: Catalogue) -> None:
        super().__init__(release)
        self._known, self._made = known, catalogue
        self._items = Vocabulary(ids)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The new items."""
        return self._made

    def is_folded_in(self, person: Person) -> bool:
        """Whether the history alone makes this person: what the release knows of it."""
        return self._known.is_folded_in(person)

    def vector(self, person: Person) -> Tensor:
        """Give the (d,) vector that the release has for a person."""
        return self._known.vector(person)

    def _ranked(self, person: Person, n: int, excluded: _Rows, everywhere: bool) -> Ranking:
        return scan(self.catalogue, self.vector(person), n, excluded, self._multipliers(person))


class _ByKnown(UserFolding):
    """Folds in by what the release knows of a history."""

    def __init__(self, known: People, n_known: int) -> None:
        self._inner, self._n_known = known.folding, n_known

    def fold(self, history: _Rows) -> Tensor:
        """Give the (d,) vector; rows of new items are left out."""
        return self._inner.fold(history[history < self._n_known])


class EveryItem(People):
    """Answers for people on all items: those of the release first, then the new ones."""

    def __init__(self, known: People, release: Release, new: NewItems, ids: Sequence[str]) -> None:
        super().__init__(release)
        self._known, self._new = known, new
        self._n_known = len(self._items)
        self._items = Vocabulary([*self._items.ids, *ids])

    @cached_property
    def catalogue(self) -> Catalogue:
        """All items in one: a copy, made where a question cannot be asked of both parts."""
        return self._known.catalogue.joined(self._new.catalogue)

    @cached_property
    def folding(self) -> UserFolding:
        """How people are folded in: as the release does, by what it knows."""
        return _ByKnown(self._known, self._n_known)

    def is_folded_in(self, person: Person) -> bool:
        """Whether the history alone makes this person: what the release knows of it."""
        return self._known.is_folded_in(person)

    def vector(self, person: Person) -> Tensor:
        """Give the (d,) vector that the release has for a person."""
        return self._known.vector(person)

    def recommend(
        self,
        person: Person,
        n: int,
        exclude: Collection[str] = (),
        diversity: float = 0.0,
        among: Collection[str] | None = None,
    ) -> list[ScoredItem]:
        """Give the best n of all items, diversified where that is asked for."""
        wanted = n if diversity == 0.0 else pool_size(n)
        parts = [people.recommend(person, wanted, exclude, 0.0, among) for people in (self._known, self._new)]
        best = merged(parts[0], parts[1], wanted)
        if diversity == 0.0:
            return best
        vectors = torch.stack([self._vector_of(item.item_id) for item in best]).numpy() if best else np.empty((0, 1))
        return [best[k] for k in diversify(vectors, np.array([item.score for item in best]), n, diversity).tolist()]

    def attribute(self, person: Person, item_ids: Sequence[str]) -> list[Attribution]:
        """Attribute each item's score to preferences, with the weights as steered."""
        known, new = ([i for i in item_ids if (self._item(i) < self._n_known) == side] for side in (True, False))
        parts = [*self._known.attribute(person, known), *self._new.attribute(person, new)]
        found = {attribution.item_id: attribution for attribution in parts}
        return [found[item_id] for item_id in item_ids]

    def _scores(self, vector: Tensor, multipliers: Tensor | None) -> Tensor:
        return torch.cat([people.catalogue.scores(vector, multipliers) for people in (self._known, self._new)])

    def _literal(self, vector: Tensor, rows: Tensor, multipliers: Tensor | None) -> Tensor:
        found, new = torch.empty(len(rows), dtype=torch.float64), rows >= self._n_known
        found[~new] = self._known.catalogue.literal_scores(vector, rows[~new], multipliers)
        found[new] = self._new.catalogue.literal_scores(vector, rows[new] - self._n_known, multipliers)
        return found

    def _not_to_add(self, person: Person) -> _Rows:
        new = np.arange(self._n_known, len(self._items))
        return np.union1d(self._rows(person.history), new)

    def _vector_of(self, item_id: str) -> Tensor:
        row = self._item(item_id)
        known = row < self._n_known
        return self._known.catalogue.items[row] if known else self._new.catalogue.items[row - self._n_known]


class ReleaseWithNewItems:
    """A release that lists the new items too. Implements `app.ports.LoadedRelease`."""

    def __init__(self, release: LoadedRelease, known: People, loaded: Release, vectors: Mapping[str, Tensor]) -> None:
        """Take (d,) vectors by item id, of items that the release does not know."""
        self._release, ids = release, list(vectors)
        catalogue = Catalogue.over(known.catalogue.space, torch.stack(list(vectors.values())))
        self._new = NewItems(known, loaded, ids, catalogue)
        self._every = EveryItem(known, loaded, self._new, ids)
        self.info: ReleaseInfo = release.info
        self.new_items: frozenset[str] = frozenset(ids)

    @property
    def recommender(self) -> "ReleaseWithNewItems":
        """Top-N."""
        return self

    @property
    def explainer(self) -> "ReleaseWithNewItems":
        """Reasons."""
        return self

    @property
    def completer(self) -> "Completer":
        """Missing facts, of the entities that the release knows."""
        return self._release.completer

    @property
    def people(self) -> EveryItem:
        """People rather than users."""
        return self._every

    @property
    def vector_engine_problem(self) -> Callable[[], str | None] | None:
        """Tells why the vector engine names no items of the release."""
        return self._release.vector_engine_problem

    def with_new_items(self, entities: Mapping[str, str], facts: Collection[Fact]) -> LoadedRelease:
        """Give the release with these new items instead."""
        return self._release.with_new_items(entities, facts)

    def knows_user(self, user_id: str) -> bool:
        """Whether the user has a vector here."""
        return self._release.recommender.knows_user(user_id)

    def knows_item(self, item_id: str) -> bool:
        """Whether the item was trained, or is one of the new ones."""
        return item_id in self.new_items or self._release.recommender.knows_item(item_id)

    def recommend(self, user_id: str, n: int, exclude: Collection[str] = ()) -> list[ScoredItem]:
        """Give the best n items that are not excluded, best first."""
        return self.recommend_many([user_id], n, [exclude])[0]

    def recommend_many(
        self, user_ids: Sequence[str], n: int, exclude: Sequence[Collection[str]]
    ) -> list[list[ScoredItem]]:
        """Give each user the best n items that are not excluded for them."""
        known = self._release.recommender.recommend_many(user_ids, n, exclude)
        return [
            merged(best, self._new.recommend(Person(user_id), n, unwanted), n)
            for user_id, best, unwanted in zip(user_ids, known, exclude, strict=True)
        ]

    def attribute(self, user_id: str, item_ids: Sequence[str]) -> list[Attribution]:
        """Attribute each pair's score to preferences."""
        known = [item_id for item_id in item_ids if item_id not in self.new_items]
        new = [item_id for item_id in item_ids if item_id in self.new_items]
        parts = [*self._release.explainer.attribute(user_id, known), *self._new.attribute(Person(user_id), new)]
        found = {attribution.item_id: attribution for attribution in parts}
        return [found[item_id] for item_id in item_ids]

    def attribute_many(self, lists: Sequence[tuple[str, Sequence[str]]]) -> list[list[Attribution]]:
        """Attribute the scores of the pairs of each list."""
        return [self.attribute(user_id, item_ids) for user_id, item_ids in lists]

    def rank_ties(self, attribution: Attribution, ties: Sequence[Tie], limit: int) -> list[Tie]:
        """Order ties by the weight of their relation, then by specificity."""
        return self._release.explainer.rank_ties(attribution, ties, limit)


def merged(known: Sequence[ScoredItem], new: Sequence[ScoredItem], n: int) -> list[ScoredItem]:
    """Give the best n of two lists that are each in order; of equal scores, what the release knows comes first."""
    return sorted([*known, *new], key=lambda item: -item.score)[:n] if new else list(known[:n])
