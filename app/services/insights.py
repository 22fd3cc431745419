"""What a release makes of one person: their preferences, why an item is in their list or is not, and steering."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.errors import NotInRelease, UnknownItem, UnknownRelation, UnknownUser
from app.ports import Cache, LoadedRelease
from app.ports_people import Change, PreferenceOfPerson, WhyNot
from app.services.answers import Answer, Answers, parts_of
from app.services.explanations import Asked, Explanation, ExplanationService
from app.services.new_items import NewItems
from app.services.people import Case, PeopleReader, Strategy
from app.services.releases import ReleaseManager
from app.services.scoring import ScoringPool
from app.services.texts import DEFAULT_LANGUAGE, relation_name
from app.steering import NEUTRAL, Steerings
from app.stored import Items, Labels, Versions, VersionSource

BEHIND = 5
"""Items of the history that are told for each preference."""


@dataclass(frozen=True, slots=True)
class PreferenceLine:
    """A preference over a person's history, and the multiplier that steers it."""

    relation_id: str
    label: str
    weight: float
    share: float
    multiplier: float
    history: Sequence[str]


@dataclass(frozen=True, slots=True)
class Steered:
    """A relation that a person steers; `in_release` is False where the active release has no preference for it."""

    relation_id: str
    multiplier: float
    in_release: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """All preferences of a person, largest share first, and everything that was steered."""

    user_id: str
    release: str
    strategy: Strategy
    preferences: Sequence[PreferenceLine]
    steered: Sequence[Steered]


@dataclass(frozen=True, slots=True)
class PairExplanation:
    """Where an item stands for a person, and why."""

    user_id: str
    item_id: str
    title: str | None
    release: str
    strategy: Strategy
    seen: bool
    rank: int
    score: float
    explanation: Explanation | None


@dataclass(frozen=True, slots=True)
class WhyNotAnswer:
    """Where an item stands for a person, how far that is from the list, and what would bring it in."""

    user_id: str
    item_id: str
    title: str | None
    release: str
    strategy: Strategy
    limit: int
    seen: bool
    found: WhyNot
    best_label: str

    @property
    def change(self) -> Change | None:
        """What would bring the item in; None where none was found, or none is needed."""
        return self.found.change


class Rendered(Protocol):
    """Writes answers as they are sent."""

    def __call__(self, result: Profile | PairExplanation | WhyNotAnswer) -> bytes:
        """Write one."""
        ...


class InsightService:
    """Answers about one person; all but steering is cached as it is sent."""

    def __init__(
        self,
        versions: VersionSource,
        people: PeopleReader,
        steerings: Steerings,
        items: Items,
        relations: Labels,
        releases: ReleaseManager,
        explanations: ExplanationService,
        scoring: ScoringPool,
        cache: Cache,
        answers: Answers,
        new_items: NewItems,
        render: Rendered,
    ) -> None:
        self._versions = versions
        self._people = people
        self._steerings = steerings
        self._items = items
        self._relations = relations
        self._releases = releases
        self._explanations = explanations
        self._scoring = scoring
        self._cache = cache
        self._answers = answers
        self._new_items = new_items
        self._render = render

    async def preferences(self, user_id: str) -> bytes:
        """Give the rendered profile of a stored user.

        Raises:
            UnknownUser, NoActiveRelease, StorageUnavailable, Overloaded.
        """
        release, versions = await self._known(user_id)

        async def compute() -> Answer:
            return self._complete(await self._profile(release, user_id))

        return await self._answers.get(_parts("preferences", release, versions, user_id), compute)

    async def explanation(self, user_id: str, item_id: str, limit: int = 10, language: str = DEFAULT_LANGUAGE) -> bytes:
        """Explain one pair in full, whether or not the item is in the list of `limit`.

        Raises:
            UnknownUser, UnknownItem, NoActiveRelease, StorageUnavailable, Overloaded.
            NotInRelease: the release knows nothing of the item, or of the user.
        """
        release, versions = await self._known(user_id)

        async def compute() -> Answer:
            return self._complete(await self._pair(release, versions, user_id, item_id, limit, language))

        asked = (user_id, item_id, limit, language)
        return await self._answers.get(_parts("explanation", release, versions, *asked), compute)

    async def why_not(self, user_id: str, item_id: str, limit: int) -> bytes:
        """Tell why an item is not among the first `limit`, and what would bring it in; raises as `explanation`."""
        release, versions = await self._known(user_id)

        async def compute() -> Answer:
            return self._complete(await self._reason(release, versions, user_id, item_id, limit))

        return await self._answers.get(_parts("why_not", release, versions, user_id, item_id, limit), compute)

    async def steer(self, user_id: str, relation_id: str, multiplier: float) -> None:
        """Set a multiplier, 0 to 2; the next call of any process sees it.

        Raises:
            UnknownUser, UnknownRelation, NoActiveRelease, StorageUnavailable: nothing has changed.
            NotInRelease: the release has no preference for the relation; nothing has changed.
        """
        release = self._releases.current(user_id)
        if not release.people.knows_preference(relation_id):
            await self._check_stored(user_id, relation_id)
            raise NotInRelease("relation", relation_id)
        await self._steerings.put(user_id, relation_id, multiplier)

    async def release_steering(self, user_id: str, relation_id: str) -> bool:
        """Set a multiplier back to 1; False if it was.

        Raises:
            UnknownUser, UnknownRelation, StorageUnavailable.
        """
        return await self._steerings.delete(user_id, relation_id)

    async def _check_stored(self, user_id: str, relation_id: str) -> None:
        if (await self._versions.of(user_id)).history is None:
            raise UnknownUser(user_id)
        if relation_id not in await self._relations.labels([relation_id]):
            raise UnknownRelation(relation_id)

    async def _known(self, user_id: str) -> tuple[LoadedRelease, Versions]:
        release = self._releases.current(user_id)
        versions = await self._versions.of(user_id)
        if versions.history is None:
            raise UnknownUser(user_id)
        return release, versions

    def _complete(self, result: Profile | PairExplanation | WhyNotAnswer) -> Answer:
        return Answer(self._render(result), complete=self._cache.available)

    async def _profile(self, release: LoadedRelease, user_id: str) -> Profile:
        case = await self._people.read(release, user_id, steered=True)
        found: Sequence[PreferenceOfPerson] = ()
        if case.strategy != "popular":
            found = await self._scoring.run(release.people.preferences, case.person, BEHIND)
        labels = await self._relations.labels([p.relation_id for p in found])
        set_ = case.person.multipliers
        lines = [
            PreferenceLine(
                p.relation_id,
                relation_name(p.relation_id, labels.get(p.relation_id)),
                p.weight,
                p.share,
                set_.get(p.relation_id, NEUTRAL),
                p.history,
            )
            for p in found
        ]
        steered = [Steered(r, m, release.people.knows_preference(r)) for r, m in sorted(set_.items())]
        return Profile(user_id, release.info.release_id, case.strategy, lines, steered)

    async def _about(
        self, release: LoadedRelease, versions: Versions, user_id: str, item_id: str
    ) -> tuple[str | None, Case, frozenset[str]]:
        """Give the item's title, the person, and what is never in their list."""
        titles = await self._items.titles([item_id])
        if item_id not in titles:
            raise UnknownItem(item_id)
        case = await self._people.read(release, user_id, versions.preferences > 0)
        if case.strategy == "popular":
            raise NotInRelease("user", user_id)
        return titles[item_id], case, frozenset(case.history.items) | await self._items.withdrawn()

    async def _pair(
        self, release: LoadedRelease, versions: Versions, user_id: str, item_id: str, limit: int, language: str
    ) -> PairExplanation:
        release = await self._new_items.joined(release)
        title, case, excluded = await self._about(release, versions, user_id, item_id)
        reasons = [other for other in case.reasons if other != item_id]
        asked = Asked(case.person, [item_id], reasons, excluded, limit)
        (found,) = [one async for one in self._explanations.explain(release, [asked], language)]
        (standing,) = await self._scoring.run(release.people.standings, case.person, [item_id], (), excluded)
        return PairExplanation(
            user_id,
            item_id,
            title,
            release.info.release_id,
            case.strategy,
            item_id in case.history.items,
            standing.place.rank,
            standing.place.score,
            found.get(item_id),
        )

    async def _reason(
        self, release: LoadedRelease, versions: Versions, user_id: str, item_id: str, limit: int
    ) -> WhyNotAnswer:
        release = await self._new_items.joined(release)
        title, case, excluded = await self._about(release, versions, user_id, item_id)
        found = await self._scoring.run(release.people.why_not, case.person, item_id, limit, excluded)
        labels = await self._relations.labels([found.best_relation])
        return WhyNotAnswer(
            user_id,
            item_id,
            title,
            release.info.release_id,
            case.strategy,
            limit,
            item_id in case.history.items,
            found,
            relation_name(found.best_relation, labels.get(found.best_relation)),
        )


def _parts(kind: str, release: LoadedRelease, versions: Versions, *query: object) -> dict[str, object]:
    return parts_of(kind, release.info.release_id, versions.of_person, query)
