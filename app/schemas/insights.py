"""What a release makes of one person: preferences, steering, and why an item is in their list or is not."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.recommendations import ExplanationBody, Finite, Language
from app.schemas.strict import StrictBody
from app.services.insights import PairExplanation, Profile, WhyNotAnswer
from app.steering import LEAST, MOST

Multiplier = Annotated[float, Field(ge=LEAST, le=MOST, allow_inf_nan=False)]
_Strategy = Annotated[
    Literal["personalized", "fold_in", "popular"],
    Field(
        description="What the answer rests on: a trained vector, one that is folded in from the history, or nothing.",
    ),
]
_Release = Annotated[str, Field(description="The release that answered.", examples=["sample-2026-01-31"])]
_User = Annotated[str, Field(description="The user.", examples=["u1"])]
_Item = Annotated[str, Field(description="The item.", examples=["i9"])]
_Title = Annotated[str | None, Field(description="The item's title; null if none is stored.", examples=["Aliens"])]
_Relation = Annotated[str, Field(description="The relation.", examples=["director"])]
_Label = Annotated[str, Field(description="The relation in words.", examples=["director"])]


class SteeringChange(StrictBody):
    """How much more or less of a relation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"multiplier": 1.5}]})

    multiplier: Multiplier = Field(
        description="0 to 2, by which the odds are multiplied that this preference is the one that counts: 0 is the "
        "model without it, 1 changes nothing.",
        examples=[1.5],
    )


class SteeringBody(BaseModel):
    """How a relation is steered from now on."""

    user_id: _User
    relation_id: _Relation
    multiplier: float = Field(description="The multiplier; 1 where nothing is steered.", examples=[1.5])


class ProfileLine(BaseModel):
    """A preference over the history."""

    relation_id: _Relation
    label: _Label
    weight: Finite = Field(description="The weight that the scorer uses, mean over the history.", examples=[0.4])
    share: Finite = Field(description="The size of the weights over the sum of all sizes, 0 to 1.", examples=[0.41])
    multiplier: float = Field(description="How it is steered; 1 is not at all.", examples=[1.0])
    history: list[str] = Field(
        description="At most five items of the history where it weighs most, heaviest first.", examples=[["i2", "i5"]]
    )


class SteeredBody(BaseModel):
    """A relation that is steered."""

    relation_id: _Relation
    multiplier: float = Field(description="The multiplier, 0 to 2.", examples=[1.5])
    in_release: bool = Field(description="False where the active release has no preference for it: it has no effect.")


class ProfileBody(BaseModel):
    """The preferences of a user, largest share first; empty where the release knows no item of the history."""

    user_id: _User
    release: _Release
    strategy: _Strategy
    preferences: list[ProfileLine] = Field(description="Every preference of the model, as steered.")
    steered: list[SteeredBody] = Field(description="Everything that the user steers, by relation.")


class PairBody(BaseModel):
    """Where an item stands for a user, and why."""

    user_id: _User
    item_id: _Item
    title: _Title
    release: _Release
    strategy: _Strategy
    seen: bool = Field(description="Whether it is in the user's history, and so never in the list by default.")
    rank: int = Field(description="From 1, among all items that may be in the list, and this one.", examples=[1])
    score: Finite = Field(description="Higher is better.", examples=[-0.83])
    explanation: ExplanationBody | None = Field(description="The reason in full; null if its numbers are not finite.")


class BestPreference(BaseModel):
    """The preference along which the item lies nearest."""

    relation_id: _Relation
    label: _Label
    score: Finite = Field(description="The score that the item would have by it alone.", examples=[-0.9])


class ChangeBody(BaseModel):
    """A change that was tried, and after which the item stood in the list."""

    kind: Literal["steer", "add"] = Field(
        description="`steer`: `PUT /users/{user_id}/preferences/{relation_id}` with the multiplier. `add`: "
        "`POST /recommendations` with the user and these `items`, which folds them in; for who is folded in already, "
        "events that like them do the same."
    )
    relation_id: str | None = Field(description="With `steer`, the relation.", examples=["director"])
    multiplier: float | None = Field(description="With `steer`, the multiplier.", examples=[1.5])
    items: list[str] = Field(description="With `add`, one or two items to like.", examples=[["i5"]])


class WhyNotBody(BaseModel):
    """Why an item is not among the first `limit`, and the smallest change found that would bring it in."""

    user_id: _User
    item_id: _Item
    title: _Title
    release: _Release
    strategy: _Strategy
    limit: int = Field(description="The length of the list.", examples=[10])
    seen: bool = Field(description="Whether it is in the user's history, and so never in the list by default.")
    rank: int = Field(description="From 1, among all items that may be in the list, and this one.", examples=[57])
    score: Finite = Field(description="The item's score.", examples=[-1.3])
    gap: Finite = Field(description="The score at the last place of the list minus the item's; at most 0 in the list.")
    best_preference: BestPreference = Field(description="What speaks most for the item.")
    change: ChangeBody | None = Field(description="Null where none was found, or none is needed.")


class ExplanationParameters(BaseModel):
    """How a pair is explained."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(10, ge=1, le=100, description="The length of the list that `counterfactual` is about.")
    lang: Language = None


class WhyNotParameters(BaseModel):
    """How long the list is."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(10, ge=1, le=100, description="The length of the list that the item is not in.")


WHY_NOT_EXAMPLE = {
    "user_id": "u1",
    "item_id": "i9",
    "title": "Falling Down",
    "release": "sample-2026-01-31",
    "strategy": "personalized",
    "limit": 10,
    "seen": False,
    "rank": 57,
    "score": -1.3,
    "gap": 0.21,
    "best_preference": {"relation_id": "director", "label": "director", "score": -0.9},
    "change": {"kind": "steer", "relation_id": "director", "multiplier": 1.5, "items": []},
}
PROFILE_EXAMPLE = {
    "user_id": "u1",
    "release": "sample-2026-01-31",
    "strategy": "personalized",
    "preferences": [
        {
            "relation_id": "director",
            "label": "director",
            "weight": 0.4,
            "share": 0.41,
            "multiplier": 1.5,
            "history": ["i2", "i5"],
        }
    ],
    "steered": [{"relation_id": "director", "multiplier": 1.5, "in_release": True}],
}


def render_insight(result: Profile | PairExplanation | WhyNotAnswer) -> bytes:
    """Write an answer as the JSON that is sent, and cached."""
    body: BaseModel
    if isinstance(result, Profile):
        body = ProfileBody.model_validate(result, from_attributes=True)
    elif isinstance(result, PairExplanation):
        body = PairBody.model_validate(result, from_attributes=True)
    else:
        body = _why_not(result)
    return body.model_dump_json().encode("utf-8")


def _why_not(result: WhyNotAnswer) -> WhyNotBody:
    found = result.found
    names = ("user_id", "item_id", "title", "release", "strategy", "limit", "seen")
    told: dict[str, Any] = {name: getattr(result, name) for name in names}
    best = BestPreference(relation_id=found.best_relation, label=result.best_label, score=found.best_score)
    change = None if found.change is None else ChangeBody.model_validate(found.change, from_attributes=True)
    return WhyNotBody(**told, rank=found.rank, score=found.score, gap=found.gap, best_preference=best, change=change)
