"""A second implementation of the model's ports: TransE in one dimension, small enough to work out by hand.

Every id has one number. A user u reaches an item i along the preference of relation r at the distance |u + r - i|;
the nearest relation is induced (hard). A fact (h, r, t) has the distance |h + r - t|. Scores are negated distances.
"""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.errors import NotInRelease, ReleaseRefused, UnknownRelease
from app.ports import (
    Attribution,
    CompletionQuery,
    Fact,
    LoadedRelease,
    PreferenceWeight,
    ReleaseInfo,
    Role,
    ScoredCandidate,
    ScoredItem,
    Tie,
)
from app.tenancy import DEFAULT_TENANT, current_tenant
from tests.app.memory_people import MemoryPeople


@dataclass
class MemoryRelease:
    """Numbers by id. `gate`, while not set, keeps every scoring call waiting in its thread."""

    info: ReleaseInfo
    users: Mapping[str, float]
    items: Mapping[str, float]
    entities: Mapping[str, float]
    relations: Mapping[str, float]
    facts: Collection[Fact] = ()
    gate: threading.Event = field(default_factory=threading.Event)
    calls: int = 0
    new_items: frozenset[str] = frozenset()
    calibrated: bool = False
    """Whether candidates have a probability, which is then 1 / (1 + distance), stored or not."""

    vector_engine_problem: Callable[[], str | None] | None = None

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def recommender(self) -> "MemoryRelease":
        return self

    @property
    def explainer(self) -> "MemoryRelease":
        return self

    @property
    def completer(self) -> "MemoryRelease":
        return self

    @property
    def people(self) -> MemoryPeople:
        return MemoryPeople(self)

    def with_new_items(self, entities: Mapping[str, str], facts: Collection[Fact]) -> "MemoryRelease":
        """New items stand at the mean of the numbers of what their facts join them to."""
        numbers = {}
        for item_id, entity_id in entities.items():
            others = {h if t == entity_id else t for h, r, t in facts if entity_id in (h, t) and r in self.relations}
            known = [self.entities[other] for other in others if other in self.entities]
            if known:
                numbers[item_id] = sum(known) / len(known)
        if not numbers:
            return self
        return replace(self, items={**self.items, **numbers}, new_items=frozenset(numbers))

    def knows_user(self, user_id: str) -> bool:
        return user_id in self.users

    def knows_item(self, item_id: str) -> bool:
        return item_id in self.items

    def recommend(self, user_id: str, n: int, exclude: Collection[str] = ()) -> list[ScoredItem]:
        self.calls += 1
        self.gate.wait(10)
        if user_id not in self.users:
            raise NotInRelease("user", user_id)
        scored = [ScoredItem(item, self._reach(user_id, item)[0][0]) for item in self.items if item not in exclude]
        # Python's sort is stable: ties keep the order of the vocabulary.
        return sorted(scored, key=lambda item: -item.score)[:n]

    def recommend_many(
        self, user_ids: Sequence[str], n: int, exclude: Sequence[Collection[str]]
    ) -> list[list[ScoredItem]]:
        return [self.recommend(user_id, n, unwanted) for user_id, unwanted in zip(user_ids, exclude, strict=True)]

    def attribute(self, user_id: str, item_ids: Sequence[str]) -> list[Attribution]:
        return [self._attribute(user_id, item_id) for item_id in item_ids]

    def attribute_many(self, lists: Sequence[tuple[str, Sequence[str]]]) -> list[list[Attribution]]:
        return [self.attribute(user_id, item_ids) for user_id, item_ids in lists]

    def rank_ties(self, attribution: Attribution, ties: Sequence[Tie], limit: int) -> list[Tie]:
        weights = {p.relation_id: p.weight for p in attribution.preferences}
        ordered = sorted(ties, key=lambda tie: (-weights.get(tie.relation_id, 0.0), tie.fan, tie.history_item))
        best = {tie.history_item: tie for tie in reversed(ordered)}
        return [tie for tie in ordered if best[tie.history_item] is tie][:limit]

    def knows_relation(self, relation_id: str) -> bool:
        return relation_id in self.relations

    def complete(
        self, query: CompletionQuery, limit: int, exclude: Collection[str] = (), type_check: bool = True
    ) -> list[ScoredCandidate]:
        self.calls += 1
        self.gate.wait(10)
        table = self.relations if query.target == "relation" else self.entities
        scored = [
            ScoredCandidate(candidate, score, self._probability(score), self._is_typed(query, candidate))
            for candidate in table
            if candidate not in exclude
            for score in [self._fact_score(query, candidate)]
        ]
        kept = [candidate for candidate in scored if candidate.type_ok or not type_check]
        return sorted(kept, key=lambda candidate: -candidate.score)[:limit]

    def _reach(self, user_id: str, item_id: str) -> list[tuple[float, str]]:
        """Scores along each relation, best first."""
        if item_id not in self.items:
            raise NotInRelease("item", item_id)
        u, i = self.users[user_id], self.items[item_id]
        return sorted(((-abs(u + r - i), name) for name, r in self.relations.items()), key=lambda pair: -pair[0])

    def _attribute(self, user_id: str, item_id: str) -> Attribution:
        (score, top), (second, _), *_ = self._reach(user_id, item_id)
        others = [PreferenceWeight(name, 0.0, 0.0) for name in self.relations if name != top]
        return Attribution(item_id, "hard", score, [PreferenceWeight(top, 1.0, 1.0), *others], second)

    def _probability(self, score: float) -> float | None:
        return 1 / (1 - score) if self.calibrated else None

    def _fact_score(self, query: CompletionQuery, candidate: str) -> float:
        parts = {"head": query.head, "relation": query.relation, "tail": query.tail, query.target: candidate}
        h = self._number("entity", parts["head"])
        r = self._number("relation", parts["relation"])
        return -abs(h + r - self._number("entity", parts["tail"]))

    def _number(self, kind: str, external_id: str | None) -> float:
        table = self.relations if kind == "relation" else self.entities
        if external_id is None or external_id not in table:
            raise NotInRelease("relation" if kind == "relation" else "entity", str(external_id))
        return table[external_id]

    def _is_typed(self, query: CompletionQuery, candidate: str) -> bool:
        position: Mapping[Role, int] = {"head": 0, "relation": 1, "tail": 2}
        at = position[query.target]
        return any(fact[at] == candidate and query.relation in (None, fact[1]) for fact in self.facts)


@dataclass
class MemoryStore:
    """Releases of the first tenant by id; one that holds a reason (a text) is refused. `gate` keeps threads waiting."""

    releases: dict[str, MemoryRelease | str]
    gate: threading.Event = field(default_factory=threading.Event)
    loads: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    def list(self) -> list[ReleaseInfo]:
        infos: list[ReleaseInfo] = []
        for release_id, release in self.releases.items() if current_tenant() == DEFAULT_TENANT else ():
            broken = ReleaseInfo(release_id, "", "", "", {}, {}, problem=str(release))
            infos.append(broken if isinstance(release, str) else release.info)
        return sorted(infos, key=lambda info: info.created_at, reverse=True)

    def load(self, release_id: str) -> LoadedRelease:
        self.loads += 1
        self.gate.wait(10)
        if release_id not in self.releases or current_tenant() != DEFAULT_TENANT:
            raise UnknownRelease(release_id)
        release = self.releases[release_id]
        if isinstance(release, str):
            raise ReleaseRefused(release_id, release)
        return release
