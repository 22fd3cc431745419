"""Why an item is recommended: what the model weighed, and the stored facts that tie the item to the history.

`grounded` needs both: a stored fact under the relation that weighs most, and a score that falls when the model may
not use that preference. Anything less is `model_only`, and its sentence says less.
"""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.ports import Attribution, Fact, LoadedRelease, ScoredItem, Tie
from app.services.scoring import ScoringPool
from app.services.texts import relation_name, sentence, thing_name
from app.stored import Facts, Items, Labels

_log = logging.getLogger(__name__)
MAX_PREFERENCES = 5
MAX_EVIDENCE = 3


@dataclass(frozen=True, slots=True)
class Preference:
    """A preference as the scorer weighed it; `share` is |weight| over the sum."""

    relation_id: str
    label: str
    weight: float
    share: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Stored facts that join the item's entity to that of one item of the history."""

    history_item: str
    facts: tuple[Fact, ...]
    origin: Literal["stored", "accepted"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reason for one recommended item."""

    status: Literal["grounded", "model_only"]
    mode: Literal["hard", "soft"]
    preferences: tuple[Preference, ...]
    evidence: tuple[Evidence, ...]
    text: str


@dataclass(frozen=True, slots=True)
class _Case:
    """What is known of one item: the attribution and its best ties."""

    attribution: Attribution
    ties: Sequence[Tie]

    @property
    def top_relation(self) -> str:
        return self.attribution.preferences[0].relation_id

    @property
    def top_tie(self) -> Tie | None:
        """The best tie under the relation that weighs most."""
        return next((tie for tie in self.ties if tie.relation_id == self.top_relation), None)

    @property
    def masking_hurts(self) -> bool:
        return self.attribution.score_without_top < self.attribution.score


@dataclass(frozen=True, slots=True)
class _Names:
    relations: Mapping[str, str | None]
    entities: Mapping[str, str | None]
    items: Mapping[str, str | None]

    def relation(self, relation_id: str) -> str:
        return relation_name(relation_id, self.relations.get(relation_id))

    def entity(self, entity_id: str) -> str:
        return thing_name(entity_id, self.entities.get(entity_id))

    def item(self, item_id: str) -> str:
        return thing_name(item_id, self.items.get(item_id))


class ExplanationService:
    """Explains recommended items to one user."""

    def __init__(self, facts: Facts, items: Items, entities: Labels, relations: Labels, scoring: ScoringPool) -> None:
        self._facts = facts
        self._items = items
        self._entities = entities
        self._relations = relations
        self._scoring = scoring

    async def explain(
        self, release: LoadedRelease, user_id: str, items: Sequence[ScoredItem], history: Sequence[str]
    ) -> dict[str, Explanation]:
        """Explain each item, by its id; an item whose attribution is not finite is logged and left out."""
        return (await self.explain_many(release, [(user_id, items, history)]))[0]

    async def explain_many(
        self, release: LoadedRelease, lists: Sequence[tuple[str, Sequence[ScoredItem], Sequence[str]]]
    ) -> list[dict[str, Explanation]]:
        """Explain the items of each list (user id, items, history)."""
        asked = [(user_id, [item.item_id for item in items]) for user_id, items, _ in lists]
        ties = await self._facts.ties([(ids, lists[k][2]) for k, (_, ids) in enumerate(asked)])
        found = await self._scoring.run(_attribute_all, release, asked, ties)
        names = await self._names(case for cases in found for case in cases)
        return [{case.attribution.item_id: _explanation(case, names) for case in cases} for cases in found]

    async def _names(self, cases: Iterable[_Case]) -> _Names:
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
        )


def _attribute_all(
    release: LoadedRelease, asked: Sequence[tuple[str, Sequence[str]]], ties: Sequence[Mapping[str, list[Tie]]]
) -> list[list[_Case]]:
    return [
        _attribute(release, user_id, item_ids, found) for (user_id, item_ids), found in zip(asked, ties, strict=True)
    ]


def _attribute(
    release: LoadedRelease, user_id: str, item_ids: Sequence[str], ties: Mapping[str, list[Tie]]
) -> list[_Case]:
    explainer = release.explainer
    cases = []
    for attribution in explainer.attribute(user_id, item_ids):
        if _is_finite(attribution) and attribution.preferences:
            ranked = explainer.rank_ties(attribution, ties.get(attribution.item_id, ()), MAX_EVIDENCE)
            cases.append(_Case(attribution, ranked))
        else:
            _log.error("an attribution is not finite; it is left out", extra={"item_id": attribution.item_id})
    return cases


def _is_finite(attribution: Attribution) -> bool:
    numbers = [attribution.score, attribution.score_without_top]
    for preference in attribution.preferences:
        numbers += (preference.weight, preference.share)
    return all(map(math.isfinite, numbers))


def _explanation(case: _Case, names: _Names) -> Explanation:
    grounded = case.top_tie is not None and case.masking_hurts
    preferences = case.attribution.preferences[:MAX_PREFERENCES]
    return Explanation(
        status="grounded" if grounded else "model_only",
        mode=case.attribution.mode,
        preferences=tuple(
            Preference(p.relation_id, names.relation(p.relation_id), float(p.weight), float(p.share))
            for p in preferences
        ),
        evidence=tuple(Evidence(tie.history_item, tie.facts, tie.origin) for tie in case.ties),
        text=_grounded_text(case.top_tie, names) if grounded and case.top_tie else _model_only_text(case, names),
    )


def _grounded_text(tie: Tie, names: _Names) -> str:
    history, relation = names.item(tie.history_item), names.relation(tie.relation_id)
    if len(tie.facts) == 1:
        return sentence("grounded_direct", history=history, relation=relation)
    entity, side = _shared_entity(tie)
    message: Literal["grounded", "grounded_as_tail"] = "grounded" if side == "tail" else "grounded_as_tail"
    return sentence(message, history=history, relation=relation, entity=names.entity(entity))


def _model_only_text(case: _Case, names: _Names) -> str:
    relation = names.relation(case.top_relation)
    if case.top_tie is not None:
        return sentence("model_only_insensitive", history=names.item(case.top_tie.history_item), relation=relation)
    if not case.ties:
        return sentence("model_only", relation=relation)
    tie = case.ties[0]
    other = names.relation(tie.relation_id)
    return sentence("model_only_tied", history=names.item(tie.history_item), relation=relation, other=other)


def _shared_entity(tie: Tie) -> tuple[str, Literal["head", "tail"]]:
    """Give the entity that both facts of a tie share, and the side it stands on."""
    (head, _, tail), (other_head, _, other_tail) = tie.facts
    return (tail, "tail") if tail == other_tail and head != other_head else (head, "head")
