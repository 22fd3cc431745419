"""Items and people: as they are stored, sent and erased."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from app.catalogue import StoredItem, StoredUser
from app.errors import InvalidQuery
from app.schemas import cursors
from app.schemas.events import PageParameters
from app.schemas.ids import ExternalId
from app.schemas.strict import StrictBody
from app.services.erasure import Erasure

_LONGEST_TITLE = 2_000


def _storable(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise PydanticCustomError("text", "This text is not valid Unicode: it holds half a surrogate pair.") from None
    if "\x00" in text:
        raise PydanticCustomError("text", "This text holds a NUL character.")
    return text


Text = Annotated[str, AfterValidator(_storable)]
"""A text for people: valid Unicode without NUL."""


class ItemChange(StrictBody):
    """What an item is; what is left out is empty from now on."""

    title: Text | None = Field(None, max_length=_LONGEST_TITLE, description="Its title.", examples=["Falling Down"])
    entity_id: ExternalId | None = Field(
        None, description="The entity of the knowledge graph that it is, which ties it to facts.", examples=["e9"]
    )


class ItemBody(BaseModel):
    """An item of the catalogue."""

    item_id: str = Field(description="The item.", examples=["i9"])
    title: str | None = Field(description="Its title; null if none is stored.", examples=["Falling Down"])
    entity_id: str | None = Field(description="Its entity in the knowledge graph; null if it has none.")

    @classmethod
    def of(cls, item: StoredItem) -> "ItemBody":
        """Convert what is stored."""
        return cls(item_id=item.item_id, title=item.title, entity_id=item.entity_id)


class StoredItemBody(ItemBody):
    """An item as it is stored now."""

    created: bool = Field(description="Whether it was not in the catalogue before.")


class ItemParameters(PageParameters):
    """A page of the catalogue, or a search in it."""

    query: Text | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Only items that are called so: the title, its beginning, or some of its words; accents and "
        "capitals do not matter, and typing errors are forgiven. The best come first, and there is one page only.",
        examples=["falling"],
    )

    def after(self) -> str:
        """Give the id of the item before the first; empty for the first page.

        Raises:
            InvalidQuery: the cursor is none of the catalogue, or a search is asked for a second page.
        """
        if self.query is not None and self.cursor is not None:
            raise InvalidQuery("A search has one page: leave out `query`, or `cursor`.", ("query", "cursor"))
        return "" if self.cursor is None else str(cursors.decode(self.cursor, (str,))[0])


class ItemList(BaseModel):
    """The catalogue in the order of its ids, by code point; with `query`, what was found, best first."""

    items: list[ItemBody] = Field(description="The items of this page.")
    next_cursor: str | None = Field(description="For the next page; null if there is none.")

    @classmethod
    def of(cls, items: Sequence[StoredItem], limit: int) -> "ItemList":
        """Convert what is stored; one item more than `limit` was looked for."""
        page = items[:limit]
        cursor = cursors.encode(page[-1].item_id) if len(items) > limit else None
        return cls(items=[ItemBody.of(item) for item in page], next_cursor=cursor)


class DeletedItem(BaseModel):
    """An item that was taken out of the catalogue."""

    item_id: str = Field(description="The item.", examples=["i9"])
    deleted: bool = Field(True, description="Always true.")


class StoredUserBody(BaseModel):
    """A person as stored now."""

    user_id: str = Field(description="The person.", examples=["u1"])
    created: bool = Field(description="Whether the id was not stored before.")


class UserBody(BaseModel):
    """A person."""

    user_id: str = Field(description="The person.", examples=["u1"])
    created_at: datetime = Field(description="When the id was stored (UTC).")
    n_items: int = Field(description="Items in the history.", examples=[12])

    @classmethod
    def of(cls, user: StoredUser) -> "UserBody":
        """Convert what is stored."""
        return cls(user_id=user.user_id, created_at=user.created_at, n_items=user.n_items)


class UserParameters(PageParameters):
    """A page of the people."""

    prefix: ExternalId | None = Field(None, description="Only people whose ids begin so.", examples=["u1"])

    def after(self) -> str:
        """Give the id of the person before the first; empty for the first page.

        Raises:
            InvalidQuery: the cursor is none of the people.
        """
        return "" if self.cursor is None else str(cursors.decode(self.cursor, (str,))[0])


class UserList(BaseModel):
    """People in the order of their ids, by code point."""

    users: list[UserBody] = Field(description="The people of this page.")
    next_cursor: str | None = Field(description="For the next page; null if there is none.")

    @classmethod
    def of(cls, users: Sequence[StoredUser], limit: int) -> "UserList":
        """Convert what is stored; one person more than `limit` was looked for."""
        page = users[:limit]
        cursor = cursors.encode(page[-1].user_id) if len(users) > limit else None
        return cls(users=[UserBody.of(user) for user in page], next_cursor=cursor)


class ErasureBody(BaseModel):
    """What was erased of a person."""

    user_id: str = Field(description="The person.", examples=["u1"])
    rows: dict[str, int] = Field(
        description="How many rows were erased, by table.", examples=[{"users": 1, "interactions": 12, "events": 30}]
    )
    degraded: list[str] = Field(
        description="`cache` if Redis was away: cached answers then end with their time to live, within minutes."
    )

    @classmethod
    def of(cls, erasure: Erasure) -> "ErasureBody":
        """Convert what the service says."""
        return cls(user_id=erasure.user_id, rows=dict(erasure.rows), degraded=list(erasure.degraded))
