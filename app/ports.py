"""What the services need from the outside world, as protocols, and the values that cross these borders.

Nothing here knows torch, SQL, Redis or HTTP. Ids are opaque strings; scores are finite floats, higher is better,
comparable within one answer only.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from app.ports_people import PersonScorer

Fact = tuple[str, str, str]
"""One stored triple: head entity id, relation id, tail entity id."""

Role = Literal["head", "relation", "tail"]

UserVectors = Literal["auto", "memory"]
"""Where the users of a release are: as it was made, or in memory in any case."""


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """An item with the model's score for one user."""

    item_id: str
    score: float


class PreferenceWeight(NamedTuple):
    """A preference (aligned with a relation) as the scorer weighed it for one (user, item) pair.

    `weight` is what the scorer used: the attention (soft), or 1 for the induced preference and 0 elsewhere (hard).
    `share` is |weight| over the sum of |weight|.
    """

    relation_id: str
    weight: float
    share: float


@dataclass(frozen=True, slots=True)
class Attribution:
    """Why the model scored one item as it did for one user.

    `preferences` are sorted by share, largest first, and hold every preference of the model.
    `score_without_top` is the score when the first preference is masked and the rest are re-induced.
    """

    item_id: str
    mode: Literal["hard", "soft"]
    score: float
    preferences: Sequence[PreferenceWeight]
    score_without_top: float


class Tie(NamedTuple):
    """Stored facts that join a candidate item to one item of the user's history, through one relation.

    Two facts share an entity ((history, r, e), (item, r, e), or both as tails), or one fact joins the two directly.
    `fan` is the number of stored facts of that relation on the shared entity: small means specific. A direct fact
    has 1.
    """

    item_id: str
    history_item: str
    relation_id: str
    facts: tuple[Fact, ...]
    fan: int
    origin: Literal["stored", "accepted"] = "stored"


@dataclass(frozen=True, slots=True)
class CompletionQuery:
    """Exactly two of head, relation and tail; the third is asked for."""

    head: str | None
    relation: str | None
    tail: str | None

    @property
    def target(self) -> Role:
        """The part that is missing."""
        return "head" if self.head is None else "relation" if self.relation is None else "tail"


@dataclass(frozen=True, slots=True)
class ScoredCandidate:
    """An entity or relation that may complete a query.

    `probability` is that of a missing fact: None where the release has no calibration, for relations, and for facts
    that the release was made from.
    """

    id: str
    score: float
    probability: float | None
    type_ok: bool


@dataclass(frozen=True, slots=True)
class ReleaseInfo:
    """A release directory as read from its manifest: no weights are loaded for this.

    `data_until` is when its data ended (seconds since 1970, UTC): what people did later, it does not know.
    `rebuilt` says why its index was made again when it was loaded; "" where it was read, or is not loaded.
    """

    release_id: str
    created_at: str
    model: str
    dataset: str
    metrics: Mapping[str, Any]
    counts: Mapping[str, int]
    problem: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    data_until: float = math.inf
    rebuilt: str = ""


class Recommender(Protocol):
    """Top-N for users of the release. CPU-bound and synchronous: call it off the event loop."""

    def knows_user(self, user_id: str) -> bool:
        """Whether the user has a vector in this release."""
        ...

    def knows_item(self, item_id: str) -> bool:
        """Whether the item has a vector in this release."""
        ...

    def recommend(self, user_id: str, n: int, exclude: Collection[str] = ()) -> list[ScoredItem]:
        """Give the best n items that are not excluded, best first, ties in vocabulary order; fewer if fewer remain.

        Excluded ids that the release does not know are ignored. An item whose score is not finite
        is left out and logged.

        Raises:
            NotInRelease: the user has no vector.
        """
        ...

    def recommend_many(
        self, user_ids: Sequence[str], n: int, exclude: Sequence[Collection[str]]
    ) -> list[list[ScoredItem]]:
        """Give for each user exactly what `recommend` gives; `exclude` has one collection for each user.

        Raises:
            NotInRelease: a user has no vector.
        """
        ...


class Explainer(Protocol):
    """Attribution and the ranking of evidence for pairs of the release."""

    def attribute(self, user_id: str, item_ids: Sequence[str]) -> list[Attribution]:
        """Attribute each pair's score to preferences, in the order given.

        Raises:
            NotInRelease: the user or an item has no vector.
        """
        ...

    def attribute_many(self, lists: Sequence[tuple[str, Sequence[str]]]) -> list[list[Attribution]]:
        """Give for each user and their items exactly what `attribute` gives.

        Raises:
            NotInRelease: a user or an item has no vector.
        """
        ...

    def rank_ties(self, attribution: Attribution, ties: Sequence[Tie], limit: int) -> list[Tie]:
        """Order ties by the weight of their relation, then by specificity; at most `limit`, one per history item."""
        ...


class Completer(Protocol):
    """Knowledge-graph completion. CPU-bound and synchronous: call it off the event loop."""

    @property
    def calibrated(self) -> bool:
        """Whether candidates have probabilities."""
        ...

    def knows_relation(self, relation_id: str) -> bool:
        """Whether the relation has a vector in this release."""
        ...

    def complete(
        self, query: CompletionQuery, limit: int, exclude: Collection[str] = (), type_check: bool = True
    ) -> list[ScoredCandidate]:
        """Rank what may complete the query, best first, leaving out `exclude` (ids of the target kind).

        With `type_check`, only candidates seen in that role of that relation during training (any relation seen
        between such entities' roles, when the relation is asked for) are returned; without, `type_ok` tells.

        Raises:
            NotInRelease: a given entity or relation has no vector.
        """
        ...


class LoadedRelease(Protocol):
    """A release, checked as a whole and ready to answer."""

    @property
    def info(self) -> ReleaseInfo:
        """What the manifest says."""
        ...

    @property
    def recommender(self) -> Recommender:
        """Top-N."""
        ...

    @property
    def explainer(self) -> Explainer:
        """Reasons."""
        ...

    @property
    def completer(self) -> Completer:
        """Missing facts."""
        ...

    @property
    def people(self) -> "PersonScorer":
        """People rather than users: folded in, steered, told why not."""
        ...

    @property
    def new_items(self) -> frozenset[str]:
        """The items that came after training, of `with_new_items`; none in a release as it was made."""
        ...

    @property
    def vector_engine_problem(self) -> Callable[[], str | None] | None:
        """Tells why the vector engine names no items, None where it does, and may wait for it; None without one."""
        ...

    def with_new_items(self, entities: Mapping[str, str], facts: Collection[Fact]) -> "LoadedRelease":
        """Give this release with items that it does not know, placed by their entities: CPU-bound.

        Args:
            entities: the entity of each new item, by item id.
            facts: those of the entities; what names nothing that the release knows is ignored.

        Their scores are comparable with those of all others, and lists hold them where they belong. An item that
        nothing places is left out. Without any, it is this release itself.
        """
        ...


class ReleaseStore(Protocol):
    """The folder of releases. Reading one is slow (seconds): call it off the event loop."""

    def list(self) -> list[ReleaseInfo]:
        """Every release directory, newest first; a broken one is listed with its `problem`."""
        ...

    def load(self, release_id: str) -> LoadedRelease:
        """Load and check a release as a whole.

        Raises:
            UnknownRelease: there is no such directory.
            ReleaseRefused: it is cut, altered, of another version, or its parts do not belong together.
        """
        ...


class Cache(Protocol):
    """Bytes by key, with a time to live. A miss, an outage and an altered value all read as None."""

    def peek(self, key: str) -> bytes | None:
        """Read a value if it is in this process's memory: no waiting, no task. None may still be a hit for `get`."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Read a value that was stored under exactly this key."""
        ...

    async def set(self, key: str, value: bytes, ttl_seconds: int) -> None:
        """Store a value; an outage is not an error."""
        ...

    async def erase(self, text: bytes) -> bool:
        """Drop every value that holds a text; False if a part was away, where they end with their time to live."""
        ...

    def forget(self) -> None:
        """Drop every value in this process's memory."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...

    @property
    def available(self) -> bool:
        """False while the cache is known to be away; answers then carry `degraded: ["cache"]`."""
        ...
