"""Recommendations: what can be asked, and how the list is told."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.schemas.catalogue import Text
from app.schemas.ids import ExternalId
from app.schemas.strict import WHOLE, StrictBody
from app.services.explanations import Explanation
from app.services.recommendations import RecommendationQuery, Recommendations
from app.services.texts import DEFAULT_LANGUAGE, language_of

Finite = Annotated[float, Field(allow_inf_nan=False)]
FilterText = Annotated[Text, StringConstraints(min_length=3, max_length=4_000)]
Language = Annotated[
    Literal["de", "en"] | None,
    Field(description="The language of the sentences in reasons; left out, the `Accept-Language` header decides."),
]
Triple = Annotated[tuple[str, str, str], Field(examples=[["i2", "director", "e4"]])]


def _is_none(value: object) -> bool:
    """Tell what is left out of an answer: what was not asked for."""
    return value is None


FILTER_RULE = (
    "Leave in only the items that fit; of several filters, those that fit all. `relation:entity_id`: a stored fact of "
    "the relation joins the item's entity and this one, in either direction. `item.title:TEXT`: the title is exactly "
    "this. `item.entity_id:ID`: the item is this entity. Ids may hold colons."
)


class RecommendationParameters(BaseModel):
    """What can be asked of a list; what is not known is refused."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, WHOLE] = Field(10, ge=1, le=100, description="Items to return.")
    exclude_seen: bool = Field(True, description="Leave out what is in the user's history.")
    exclude: list[ExternalId] = Field(
        [], max_length=1_000, description="Ids of items to leave out, one a parameter; ids not known are ignored."
    )
    filter: list[FilterText] = Field([], max_length=20, description=FILTER_RULE, examples=[["director:e4"]])
    explain: Literal["none", "summary", "full"] = Field(
        "none",
        description="Whether to give the reason for each item; `full` adds where the item would stand `without` each "
        "preference and by that `only`, what each cited history item holds up, and what the person would have to take "
        "back for the item to leave the list: some tens of milliseconds an item, as all of it is tried.",
    )
    fallback: Literal["none", "popular"] = Field(
        "none", description="What a user who was never seen gets: 404, or the most popular items."
    )
    diversity: float = Field(
        0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="How much to favour items that are unlike those above them (maximal marginal relevance); the first "
        "item is the best in any case. Popular items are not diversified.",
    )
    lang: Language = None

    def query(
        self, user_id: str | None, items: Sequence[str] = (), accept_language: str | None = None
    ) -> RecommendationQuery:
        """Say what is asked for, without HTTP; the language only where there will be sentences."""
        language = DEFAULT_LANGUAGE if self.explain == "none" else language_of(self.lang, accept_language)
        return RecommendationQuery(
            user_id,
            self.limit,
            self.exclude_seen,
            tuple(self.exclude),
            self.explain,
            self.fallback,
            tuple(self.filter),
            self.diversity,
            tuple(items),
            language,
        )


class PageOfRecommendations(RecommendationParameters):
    """What can be asked of a page of a list."""

    cursor: str | None = Field(
        None,
        max_length=8_192,
        description="`next_cursor` of the page before; left out for the first page. The other parameters are those of "
        "the first page; `limit`, `explain`, `lang` and `fallback` may differ. At most 500 items follow after the "
        "first page.",
    )
    release: ExternalId | None = Field(
        None,
        description="Answer with this release, which has to be one of those that answer now: the active one, or the "
        "second one of an experiment. One with the share 0 changes nobody's list, and holds both ready to be compared.",
    )

    def query(
        self, user_id: str | None, items: Sequence[str] = (), accept_language: str | None = None
    ) -> RecommendationQuery:
        """Say what is asked for, and of which release."""
        return replace(super().query(user_id, items, accept_language), release=self.release)


class RecommendationsBody(PageOfRecommendations, StrictBody):
    """For whom, and what; a field that is not known is refused."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": ["i2", "i5"], "limit": 3}]})

    user_id: ExternalId | None = Field(None, description="The user; left out for an anonymous session.")
    items: list[ExternalId] = Field(
        [],
        max_length=1_000,
        description="Items that are liked: without a user, all that is known of the session; with one, beside their "
        "history. Either way the person is folded in from them, without retraining. They count as seen; those that "
        "the release does not know are ignored.",
    )

    @model_validator(mode="after")
    def _check_somebody(self) -> "RecommendationsBody":
        if self.user_id is None and not self.items:
            raise PydanticCustomError("somebody", "Name a `user_id`, or the `items` that are liked.")
        return self


class PlaceBody(BaseModel):
    """A score, and the rank that goes with it."""

    score: Finite = Field(description="The score.", examples=[-1.4])
    rank: int = Field(description="From 1, among all items that may be in the list.", examples=[38])


class PreferenceBody(BaseModel):
    """A preference of the user, aligned with a relation of the knowledge graph."""

    relation_id: str = Field(description="The relation.", examples=["director"])
    label: str = Field(description="The relation in words.", examples=["director"])
    weight: Finite = Field(description="The weight that the scorer used.", examples=[1.7])
    share: Finite = Field(description="The size of the weight over the sum of all sizes, 0 to 1.", examples=[0.41])
    without: PlaceBody | None = Field(
        None,
        description="Where the item would stand were the preference masked and everything ranked again; with "
        "`explain=full` only, and left out otherwise.",
        exclude_if=_is_none,
    )
    only: PlaceBody | None = Field(
        None,
        description="Where the item would stand by this preference alone; with `explain=full` only, and left out "
        "otherwise.",
        exclude_if=_is_none,
    )


class EvidenceBody(BaseModel):
    """Stored facts that tie the recommended item to one item of the history."""

    history_item: str = Field(description="The item of the user's history.", examples=["i2"])
    facts: list[Triple] = Field(
        description="Head entity, relation, tail entity: two facts that share an entity, or one that joins the two "
        "directly. Every one is stored; a predicted fact is never evidence."
    )
    origin: Literal["stored", "accepted"] = Field(
        description="`accepted` if a fact was predicted and then accepted by a person."
    )
    score_drop: Finite | None = Field(
        None,
        description="By how much the item's score falls when this item is left out of the history: the difference of "
        "two fold-ins. With `explain=full` only, for at most three of those tied by the first preference; negative if "
        "the score rises. Left out where it was not tried.",
        examples=[0.12],
        exclude_if=_is_none,
    )


class CounterfactualBody(BaseModel):
    """Which of their own actions the person would have to take back for the item to leave the first N of the list.

    The person's vector is moved by what the fold-ins of the history with and without the items differ by, and all
    is ranked again. What was removed takes no place in the list itself.
    """

    remove: list[str] = Field(
        description="Items of the history, those that hold the item up most first; empty if nothing was found.",
        examples=[["i2", "i5"]],
    )
    rank: int | None = Field(
        description="The item's rank without them, behind N: solved for and ranked, not estimated. Null if nothing was "
        "found.",
        examples=[57],
    )
    reference_rank: int | None = Field(description="The item's rank with the whole history; null without a history.")
    minimal: bool = Field(description="That with any one of them put back, the item is among the first N again.")
    reason: Literal["not_in_reference", "too_few_actions", "none_found", "too_many_solves"] | None = Field(
        description="Why nothing was found: the item is not among the first N; the history has fewer "
        "than two items that the release knows; no set that was tried pushes it out; or more fold-ins would be needed "
        "than are allowed. Null if something was found."
    )


class ExplanationBody(BaseModel):
    """Why an item is in the list."""

    status: Literal["grounded", "model_only"] = Field(
        description="`grounded` if a stored fact ties the item to the history under the first preference, and the "
        "score falls when that preference is masked (with `explain=full`, the score or the rank); else `model_only`."
    )
    mode: Literal["hard", "soft"] = Field(description="One preference for each pair, or a mixture of all.")
    preferences: list[PreferenceBody] = Field(description="The five preferences that weigh most, largest first.")
    evidence: list[EvidenceBody] = Field(description="At most three ties, best first, one for each history item.")
    text: str = Field(
        description="One sentence made from the fields above. “Because of” is said only where the history item was "
        "left out and the score fell: its `score_drop` is above 0.",
        examples=["Like Flatliners in your history: the same director, Joel Schumacher."],
    )
    rebuilt_score: Finite | None = Field(
        None,
        description="The score that the equation gives with the weights of all preferences as they are told: within "
        "1e-5 of the item's score. With `explain=full` only, and left out otherwise.",
        examples=[-0.83],
        exclude_if=_is_none,
    )
    margin: Finite | None = Field(
        None,
        description="In hard induction with `explain=full`: by how much the induced preference beats the second, in "
        "the logits that induction compares. Left out otherwise.",
        exclude_if=_is_none,
    )
    counterfactual: CounterfactualBody | None = Field(
        None,
        description="With `explain=full` only, and left out otherwise.",
        exclude_if=_is_none,
    )

    @classmethod
    def of(cls, explanation: Explanation) -> "ExplanationBody":
        """Convert what the service says."""
        return cls.model_validate(explanation, from_attributes=True)


class RecommendedItemBody(BaseModel):
    """One line of the list."""

    rank: int = Field(description="Position in the list, from 1.", examples=[1])
    item_id: str = Field(description="The item.", examples=["i9"])
    title: str | None = Field(description="The item's title; null if none is stored.", examples=["Falling Down"])
    score: Finite = Field(
        description="Higher is better; comparable within one answer only. With the strategy `popular`, the number "
        "of interactions.",
        examples=[-0.83],
    )
    explanation: ExplanationBody | None = Field(
        description="The reason, with `explain=summary` or `full`; null otherwise, and for popular items."
    )
    new_item: bool = Field(
        False,
        description="True for an item that came after training, and is placed by its facts alone; left out otherwise.",
        exclude_if=lambda new: not new,
    )


EXAMPLE = {
    "recommendation_id": "8c5a1b0e-52d6-4e0b-9f0b-0a6f2f8f6a77",
    "user_id": "u1",
    "release": "sample-2026-01-31",
    "strategy": "personalized",
    "degraded": [],
    "items": [
        {
            "rank": 1,
            "item_id": "i9",
            "title": "Falling Down",
            "score": -0.83,
            "explanation": {
                "status": "grounded",
                "mode": "soft",
                "preferences": [
                    {
                        "relation_id": "director",
                        "label": "director",
                        "weight": 1.7,
                        "share": 0.41,
                        "without": {"score": -1.4, "rank": 38},
                        "only": {"score": -0.9, "rank": 3},
                    }
                ],
                "evidence": [
                    {
                        "history_item": "i2",
                        "facts": [["e2", "director", "e4"], ["e9", "director", "e4"]],
                        "origin": "stored",
                        "score_drop": 0.12,
                    }
                ],
                "text": "Because of Flatliners in your history: the same director, Joel Schumacher.",
                "rebuilt_score": -0.83,
                "counterfactual": {
                    "remove": ["i2", "i5"],
                    "rank": 57,
                    "reference_rank": 1,
                    "minimal": True,
                    "reason": None,
                },
            },
        }
    ],
    "next_cursor": None,
}


class RecommendationList(BaseModel):
    """The best items for one user, best first."""

    recommendation_id: str = Field(description="Names this computed list; the same for as long as it is cached.")
    user_id: str | None = Field(description="The user; null for an anonymous session.", examples=["u1"])
    release: str = Field(description="The release that answered.", examples=["sample-2026-01-31"])
    strategy: Literal["personalized", "fold_in", "popular"] = Field(
        description="How the list was made: from the vector that was trained; from one that is solved for from the "
        "history, of somebody who came after training; or, with nothing to go by, from what most people met."
    )
    degraded: list[str] = Field(
        description="Parts that were away. `cache`: the list is right all the same. `history`: the database was, and "
        "the list comes from the release alone: it may hold what was met or deleted, and has no titles, reasons, "
        "steering or next page."
    )
    items: list[RecommendedItemBody] = Field(description="The items; empty if nothing is left to recommend.")
    next_cursor: str | None = Field(description="For the next page; null if there is none.")

    @classmethod
    def of(cls, result: Recommendations) -> "RecommendationList":
        """Convert what the service says."""
        return cls.model_validate(result, from_attributes=True)


def render(result: Recommendations) -> bytes:
    """Write a list as the JSON that is sent, and cached."""
    return RecommendationList.of(result).model_dump_json().encode("utf-8")
