"""Lists that are about nobody: similar and popular items."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.ids import ExternalId
from app.schemas.recommendations import FILTER_RULE, FilterText, Finite
from app.services.recommendations import RecommendedItem
from app.services.similar import Similar


class SimilarParameters(BaseModel):
    """What can be asked of a list of similar items."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(10, ge=1, le=100, description="Items to return.")
    relation: ExternalId | None = Field(
        None, description="Look for what is alike but for this preference: on its hyperplane.", examples=["director"]
    )
    exclude: list[ExternalId] = Field([], max_length=1_000, description="Ids of items to leave out.")


class PopularParameters(BaseModel):
    """What can be asked of a list of popular items."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(10, ge=1, le=100, description="Items to return.")
    days: int | None = Field(
        None, ge=1, le=3_650, description="Count the last so many days only, by the time of the newest interaction."
    )
    filter: list[FilterText] = Field([], max_length=20, description=FILTER_RULE, examples=[["director:e4"]])
    exclude: list[ExternalId] = Field([], max_length=1_000, description="Ids of items to leave out.")


class ListedItem(BaseModel):
    """One line of a list."""

    rank: int = Field(description="Position in the list, from 1.", examples=[1])
    item_id: str = Field(description="The item.", examples=["i9"])
    title: str | None = Field(description="The item's title; null if none is stored.", examples=["Falling Down"])
    score: Finite = Field(description="Higher is better; comparable within one answer only.", examples=[-0.83])


class SimilarList(BaseModel):
    """The items nearest to one, nearest first; scores are negated distances."""

    item_id: str = Field(description="The item.", examples=["i2"])
    relation_id: str | None = Field(description="The preference on whose hyperplane; null for the whole space.")
    release: str = Field(description="The release that answered.", examples=["sample-2026-01-31"])
    items: list[ListedItem] = Field(description="The others.")


class PopularList(BaseModel):
    """What most people met, most first; ties go by the id. Counts may be a minute old."""

    days: int | None = Field(description="The days that were counted; null for all time.", examples=[7])
    items: list[ListedItem] = Field(
        description="Scores are numbers of people. Of all time, items that nobody met come last; of some days, they "
        "are left out."
    )

    @classmethod
    def of(cls, days: int | None, items: Sequence[RecommendedItem]) -> "PopularList":
        """Convert what the service says."""
        return cls(days=days, items=[ListedItem.model_validate(item, from_attributes=True) for item in items])


SIMILAR_EXAMPLE = {
    "item_id": "i2",
    "relation_id": None,
    "release": "sample-2026-01-31",
    "items": [{"rank": 1, "item_id": "i9", "title": "Falling Down", "score": -0.83}],
}


def render_similar(result: Similar) -> bytes:
    """Write a list as the JSON that is sent, and cached."""
    return SimilarList.model_validate(result, from_attributes=True).model_dump_json().encode("utf-8")
