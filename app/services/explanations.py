"""Why an item is recommended: what the model weighed, and the stored facts that tie the item to the history.

`grounded` needs both: a stored fact under the relation that weighs most, and a score that falls when the model may
not use that preference; told in full, where everything is ranked again, a rank that falls will do. Anything less is
`model_only`, and its sentence says less. A grounded one says "because of" an item of the history only where that item
was left out, in full, and the score fell.
"""

import logging
import math
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.ports import Attribution, Fact, LoadedRelease, Tie
from app.ports_people import Person, Place
from app.ports_reasons import Counterfactual, FullReason, Tied
from app.services.scoring import ScoringPool
from app.services.texts import DEFAULT_LANGUAGE, Message, relation_name, sentence, thing_name
from app.stored import Facts, Items, Labels

_log = logging.getLogger(__name__)
MAX_PREFERENCES = 5
MAX_EVIDENCE = 3
PAIRS = 480
"""Pairs that are attributed at once, with the rest of their last list: ten blocks of the model, under 0.1 s."""


@dataclass(frozen=True, slots=True)
class Preference:
    """A preference as the scorer weighed it; `share` is |weight| over the sum.

    `without` is where the item would stand if the preference were masked, and `only` where if it had no other; in full
    only.
    """

    relation_id: str
    label: str
    weight: float
    share: float
    without: Place | None = None
    only: Place | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Stored facts that join the item's entity to that of one item of the history.

    `score_drop` is by how much the score falls when that item is left out of the history; in full, where it was tried.
    """

    history_item: str
    facts: tuple[Fact, ...]
    origin: Literal["stored", "accepted"]
    score_drop: float | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reason for one recommended item; the last three in full only."""

    status: Literal["grounded", "model_only"]
    mode: Literal["hard", "soft"]
    preferences: tuple[Preference, ...]
    evidence: tuple[Evidence, ...]
    text: str
    rebuilt_score: float | None = None
    margin: float | None = None
    counterfactual: Counterfactual | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose items to explain, and by which history. With `excluded`, what is never in their list, in full: preferences
    are masked, history items left out, and everything ranked again; `n` is the length of the list that is told of.
    """

    person: Person
    item_ids: Sequence[str]
    history: Sequence[str]
    excluded: Collection[str] | None = None
    n: int = 10

    @property
    def is_plain(self) -> bool:
        """Whether it is a user of the release as they were trained."""
        person = self.person
        return person.user_id is not None and not (person.multipliers or person.recent)


@dataclass(frozen=True, slots=True)
class _Case:
    """What is known of one item: the attribution and its best ties, and the rest where it is told in full."""

    attribution: Attribution
    ties: Sequence[Tie]
    full: FullReason | None = None

    @property
    def top_relation(self) -> str:
        return self.attribution.preferences[0].relation_id

    @property
    def top_tie(self) -> Tie | None:
        """The best tie under the relation that weighs most."""
        return next((tie for tie in self.ties if tie.relation_id == self.top_relation), None)

    @property
    def is_held_up(self) -> bool:
        """Whether the history item of the best tie was left out, and the score fell."""
        tie = self.top_tie
        return tie is not None and self.full is not None and self.full.drops.get(tie.history_item, 0.0) > 0

    @property
    def masking_hurts(self) -> bool:
        if self.attribution.score_without_top < self.attribution.score:
            return True
        return self.full is not None and self.full.without[self.top_relation].rank > self.full.place.rank


@dataclass(frozen=True, slots=True)
class _Names:
    relations: Mapping[str, str | None]
    entities: Mapping[str, str | None]
    items: Mapping[str, str | None]
    language: str

    def relation(self, relation_id: str) -> str:
        return relation_name(relation_id, self.relations.get(relation_id))

    def entity(self, entity_id: str) -> str:
        return thing_name(entity_id, self.entities.get(entity_id))

    def item(self, item_id: str) -> str:
        return thing_name(item_id, self.items.get(item_id))


class ExplanationService:
    """Explains recommended items to people."""

    def __init__(self, facts: Facts, items: Items, entities: Labels, relations: Labels, scoring: ScoringPool) -> None:
        self._facts = facts
        self._items = items
        self._entities = entities
        self._relations = relations
        self._scoring = scoring

    async def explain(
        self, release: LoadedRelease, lists: Sequence[Asked], language: str = DEFAULT_LANGUAGE
    ) -> AsyncIterator[dict[str, Explanation]]:
        """Explain each item of each list, by its id: list by list, as they are asked for.

        Other calls get their turn on the scoring threads after some hundred pairs; in full, after each. An item whose
        attribution is not finite is logged and left out.

        Raises:
            NotInRelease: an item has no vector.
        """
        for piece in _pieces(lists):
            ties = await self._facts.ties([(asked.item_ids, asked.history) for asked in piece])
            found = await self._scoring.run(_attribute_all, release, piece, ties)
            told = [await self._told(release, asked, cases) for asked, cases in zip(piece, found, strict=True)]
            names = await self._names((case for cases in told for case in cases), language)
            for cases in told:
                yield {case.attribution.item_id: _explanation(case, names) for case in cases}

    async def _told(self, release: LoadedRelease, asked: Asked, cases: Sequence[_Case]) -> Sequence[_Case]:
        """Add what is told in full, where that is asked for; of the ties, the best by what is known then."""
        if asked.excluded is None:
            return cases
        tied = [Tied(case.attribution, case.ties) for case in cases]
        reasons = await self._scoring.run_by_turns(
            release.people.full_reasons(asked.person, tied, asked.n, asked.excluded, MAX_PREFERENCES, MAX_EVIDENCE)
        )
        return [_Case(case.attribution, full.ties, full) for case, full in zip(cases, reasons, strict=True)]

    async def _names(self, cases: Iterable[_Case], language: str) -> _Names:
        relations: set[str] = set()
        told: list[Tie] = []
        for case in cases:
            relations.update(p.relation_id for p in case.attribution.preferences[:MAX_PREFERENCES])
            told += [tie for tie in (case.top_tie, *case.ties[:1]) if tie is not None]
        relations.update(tie.relation_id for tie in told)
        return _Names(
            await self._relations.labels(relations),
            await self._entities.labels({_shared_entity(tie)[0] for tie in told if len(tie.facts) > 1}),
            await self._items.titles({tie.history_item for tie in told}),
            language,
        )


def _pieces(lists: Sequence[Asked]) -> Iterator[list[Asked]]:
    """Part lists into those that are attributed together; each that is told in full stands alone."""
    piece, pairs = list[Asked](), 0
    for asked in lists:
        piece.append(asked)
        pairs += len(asked.item_ids)
        if pairs >= PAIRS or asked.excluded is not None:
            yield piece
            piece, pairs = [], 0
    if piece:
        yield piece


def _attribute_all(
    release: LoadedRelease, lists: Sequence[Asked], ties: Sequence[Mapping[str, Sequence[Tie]]]
) -> list[list[_Case]]:
    plain = [k for k, asked in enumerate(lists) if asked.is_plain]
    together = release.explainer.attribute_many([(lists[k].person.user_id or "", lists[k].item_ids) for k in plain])
    known = dict(zip(plain, together, strict=True))
    cases = []
    for k, (asked, found) in enumerate(zip(lists, ties, strict=True)):
        attributions = known[k] if k in known else release.people.attribute(asked.person, asked.item_ids)
        cases.append(_cases(release, asked, attributions, found))
    return cases


def _cases(
    release: LoadedRelease, asked: Asked, attributions: Sequence[Attribution], ties: Mapping[str, Sequence[Tie]]
) -> list[_Case]:
    cases = []
    for attribution in attributions:
        if not (_is_finite(attribution) and attribution.preferences):
            _log.error("an attribution is not finite; it is left out", extra={"item_id": attribution.item_id})
            continue
        found = ties.get(attribution.item_id, [])
        if asked.excluded is None:
            found = release.explainer.rank_ties(attribution, found, MAX_EVIDENCE)
        cases.append(_Case(attribution, found))
    return cases


def _is_finite(attribution: Attribution) -> bool:
    numbers = [attribution.score, attribution.score_without_top]
    for preference in attribution.preferences:
        numbers += (preference.weight, preference.share)
    return all(map(math.isfinite, numbers))


def _explanation(case: _Case, names: _Names) -> Explanation:
    grounded, full = case.top_tie is not None and case.masking_hurts, case.full
    preferences = case.attribution.preferences[:MAX_PREFERENCES]
    return Explanation(
        status="grounded" if grounded else "model_only",
        mode=case.attribution.mode,
        preferences=tuple(
            Preference(
                p.relation_id,
                names.relation(p.relation_id),
                float(p.weight),
                float(p.share),
                full.without.get(p.relation_id) if full else None,
                full.only.get(p.relation_id) if full else None,
            )
            for p in preferences
        ),
        evidence=tuple(
            Evidence(tie.history_item, tie.facts, tie.origin, full.drops.get(tie.history_item) if full else None)
            for tie in case.ties
        ),
        text=_grounded_text(case.top_tie, names, case.is_held_up)
        if grounded and case.top_tie
        else _model_only_text(case, names),
        rebuilt_score=full.rebuilt if full else None,
        margin=full.margin if full else None,
        counterfactual=full.counterfactual if full else None,
    )


def _grounded_text(tie: Tie, names: _Names, is_held_up: bool) -> str:
    history, relation = names.item(tie.history_item), names.relation(tie.relation_id)
    message: Message
    if len(tie.facts) == 1:
        message = "because_direct" if is_held_up else "grounded_direct"
        return sentence(names.language, message, history=history, relation=relation)
    entity, side = _shared_entity(tie)
    if side == "tail":
        message = "because" if is_held_up else "grounded"
    else:
        message = "because_as_tail" if is_held_up else "grounded_as_tail"
    return sentence(names.language, message, history=history, relation=relation, entity=names.entity(entity))


def _model_only_text(case: _Case, names: _Names) -> str:
    relation = names.relation(case.top_relation)
    if case.top_tie is not None:
        return sentence(
            names.language, "model_only_insensitive", history=names.item(case.top_tie.history_item), relation=relation
        )
    if not case.ties:
        return sentence(names.language, "model_only", relation=relation)
    tie = case.ties[0]
    other = names.relation(tie.relation_id)
    return sentence(
        names.language, "model_only_tied", history=names.item(tie.history_item), relation=relation, other=other
    )


def _shared_entity(tie: Tie) -> tuple[str, Literal["head", "tail"]]:
    """Give the entity that both facts of a tie share, and the side it stands on."""
    (head, _, tail), (other_head, _, other_tail) = tie.facts
    return (tail, "tail") if tail == other_tail and head != other_head else (head, "head")
