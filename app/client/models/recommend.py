"""Answers about recommendations."""

from pydantic import BaseModel

from app.client.models.problems import Problem


class Place(BaseModel):
    """A score, and the rank that goes with it."""

    score: float
    rank: int


class Preference(BaseModel):
    """A preference of the user, aligned with a relation of the knowledge graph."""

    relation_id: str
    label: str
    weight: float
    share: float
    without: Place | None = None
    only: Place | None = None


class Evidence(BaseModel):
    """Stored facts that tie the recommended item to one item of the history."""

    history_item: str
    facts: list[tuple[str, str, str]]
    origin: str
    score_drop: float | None = None


class Counterfactual(BaseModel):
    """What the person would have to take back for an item to leave the list."""

    remove: list[str]
    rank: int | None
    reference_rank: int | None
    minimal: bool
    reason: str | None


class Explanation(BaseModel):
    """Why an item is in the list."""

    status: str
    mode: str
    preferences: list[Preference]
    evidence: list[Evidence]
    text: str
    rebuilt_score: float | None = None
    margin: float | None = None
    counterfactual: Counterfactual | None = None


class RecommendedItem(BaseModel):
    """One line of the list."""

    rank: int
    item_id: str
    title: str | None
    score: float
    explanation: Explanation | None
    new_item: bool = False


class RecommendationList(BaseModel):
    """The best items for one user, best first."""

    recommendation_id: str
    user_id: str | None
    release: str
    strategy: str
    degraded: list[str]
    items: list[RecommendedItem]
    next_cursor: str | None


class BatchResult(BaseModel):
    """What one user got."""

    user_id: str
    status: int
    recommendations: RecommendationList | None
    problem: Problem | None


class BatchList(BaseModel):
    """One result for each user of the call, in the order of the call."""

    results: list[BatchResult]


class Pair(BaseModel):
    """Where an item stands for a user, and why."""

    user_id: str
    item_id: str
    title: str | None
    release: str
    strategy: str
    seen: bool
    rank: int
    score: float
    explanation: Explanation | None


class BestPreference(BaseModel):
    """The preference along which the item lies nearest."""

    relation_id: str
    label: str
    score: float


class Change(BaseModel):
    """A change that was tried, and after which the item stood in the list."""

    kind: str
    relation_id: str | None
    multiplier: float | None
    items: list[str]


class WhyNot(BaseModel):
    """Why an item is not among the first `limit`, and the smallest change found that would bring it in."""

    user_id: str
    item_id: str
    title: str | None
    release: str
    strategy: str
    limit: int
    seen: bool
    rank: int
    score: float
    gap: float
    best_preference: BestPreference
    change: Change | None


class ProfileLine(BaseModel):
    """A preference over the history."""

    relation_id: str
    label: str
    weight: float
    share: float
    multiplier: float
    history: list[str]


class Steered(BaseModel):
    """A relation that is steered."""

    relation_id: str
    multiplier: float
    in_release: bool


class Profile(BaseModel):
    """The preferences of a user, largest share first; empty where the release knows no item of the history."""

    user_id: str
    release: str
    strategy: str
    preferences: list[ProfileLine]
    steered: list[Steered]


class Steering(BaseModel):
    """How a relation is steered from now on."""

    user_id: str
    relation_id: str
    multiplier: float


class ListedItem(BaseModel):
    """One line of a list."""

    rank: int
    item_id: str
    title: str | None
    score: float


class PopularList(BaseModel):
    """What most people met, most first; ties go by the id. Counts may be a minute old."""

    days: int | None
    items: list[ListedItem]


class SimilarList(BaseModel):
    """The items nearest to one, nearest first; scores are negated distances."""

    item_id: str
    relation_id: str | None
    release: str
    items: list[ListedItem]
