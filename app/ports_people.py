"""What the services need for people rather than users: folded in from a history, steered, told why not.

As in app/ports.py, nothing here knows torch, SQL, Redis or HTTP; ids are opaque strings, and higher scores are better.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from app.ports import Attribution, ScoredItem

if TYPE_CHECKING:
    from app.ports_reasons import FullReason, Tied


@dataclass(frozen=True, slots=True)
class Person:
    """Who is asked for: a user of the release, or one who is folded in from what they like.

    `history` are item ids, of which those count that the release knows. Where `user_id` is None, or has no vector, the
    history alone makes the person. `multipliers` steer: relation id to 0..2, of which 1 changes nothing and 0 masks the
    preference; relations that the release does not know have no effect. `recent` are those of the history that came
    after the release: they move a trained vector.
    """

    user_id: str | None
    history: Sequence[str] = ()
    multipliers: Mapping[str, float] = field(default_factory=dict)
    recent: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class PreferenceOfPerson:
    """A preference over a person's history: mean weight, share, and the items with the most weight, heaviest first."""

    relation_id: str
    weight: float
    share: float
    history: Sequence[str]


@dataclass(frozen=True, slots=True)
class Change:
    """What would bring an item into the list: steer `relation_id` to `multiplier`, or add `items` to the history.

    It was applied, and the item stood in the list. One whose items are added is folded in: `Person(None, history)`.
    """

    kind: Literal["steer", "add"]
    relation_id: str | None = None
    multiplier: float | None = None
    items: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Where an item stands for a person.

    `gap` is the score at place N minus the item's own, at most 0 where it is in the list. `best_relation` is the
    preference along which the item lies nearest, with the score it would have by that alone. `change` is None where
    none was found, or none is needed.
    """

    item_id: str
    rank: int
    score: float
    gap: float
    best_relation: str
    best_score: float
    change: Change | None


@dataclass(frozen=True, slots=True)
class Place:
    """A score, and the rank (from 1) that it has among the items that may be recommended."""

    score: float
    rank: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an item stands for a person: as it is, and with one preference masked at a time, by relation."""

    item_id: str
    place: Place
    without: Mapping[str, Place]


class PersonScorer(Protocol):
    """Answers for people rather than rows: new, anonymous and steered ones too. CPU-bound: call it off the event loop.

    Every call that takes a person raises NotInRelease (of the user) where neither the user nor any item of the history
    has a vector. Excluded ids that the release does not know are ignored everywhere.
    """

    def knows_preference(self, relation_id: str) -> bool:
        """Whether a preference is aligned with the relation."""
        ...

    def is_folded_in(self, person: Person) -> bool:
        """Whether the history, and no trained vector, makes this person; NotInRelease where neither can."""
        ...

    def recommend(
        self,
        person: Person,
        n: int,
        exclude: Collection[str] = (),
        diversity: float = 0.0,
        among: Collection[str] | None = None,
    ) -> list[ScoredItem]:
        """Give the best n items, best first; for a user without steering and diversity exactly `Recommender`'s list.

        With `diversity` above 0 (to 1), n of the best max(50, 5 n) items by maximal marginal relevance, in that order.
        With `among`, only those items may be in the list; all of them are scored, however few.
        """
        ...

    def standings(
        self, person: Person, item_ids: Sequence[str], relation_ids: Collection[str] = (), exclude: Collection[str] = ()
    ) -> list[Standing]:
        """Tell the place of each item, also if it is excluded, and its place with each of the relations masked.

        Raises:
            NotInRelease: an item or a relation has no vector.
        """
        ...

    def attribute(self, person: Person, item_ids: Sequence[str]) -> list[Attribution]:
        """As `Explainer.attribute`, with the weights as steered; NotInRelease where an item has no vector."""
        ...

    def why_not(self, person: Person, item_id: str, n: int, exclude: Collection[str] = ()) -> WhyNot:
        """Tell why an item is not among the first n and what would change it; takes tenths of a second."""
        ...

    def full_reasons(
        self,
        person: Person,
        asked: Sequence["Tied"],
        n: int,
        exclude: Collection[str] = (),
        told: int = 5,
        evidence: int = 3,
    ) -> Iterator["FullReason"]:
        """Tell of each item what stands behind its place among the first n, one by one as they are asked for.

        Each takes some hundredths of a second, the first one more.

        Args:
            person: who is asked about; steering counts everywhere.
            asked: items with their attribution and the stored ties that may speak for them.
            n: the length of the list that a counterfactual pushes an item out of.
            exclude: what is never in the list.
            told: preferences that are masked and left alone, heaviest first.
            evidence: ties that are given.

        Raises:
            NotInRelease: an item has no vector.
        """
        ...

    def preferences(self, person: Person, behind: int = 5) -> list[PreferenceOfPerson]:
        """Give the preferences by share, largest first, with at most `behind` items of the history for each."""
        ...

    def similar(
        self, item_id: str, n: int, exclude: Collection[str] = (), relation_id: str | None = None
    ) -> list[ScoredItem]:
        """Give the items nearest to one, in the whole space or on the hyperplane of a relation; scores are -distance.

        Raises:
            NotInRelease: the item or the relation has no vector.
        """
        ...
