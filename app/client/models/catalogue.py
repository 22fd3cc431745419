"""Answers about items, people and what they did."""

from datetime import datetime

from pydantic import BaseModel


class Item(BaseModel):
    """An item of the catalogue."""

    item_id: str
    title: str | None
    entity_id: str | None


class ItemList(BaseModel):
    """The catalogue in the order of its ids, by code point."""

    items: list[Item]
    next_cursor: str | None


class StoredItem(BaseModel):
    """An item as it is stored now."""

    item_id: str
    title: str | None
    entity_id: str | None
    created: bool


class DeletedItem(BaseModel):
    """An item that was taken out of the catalogue."""

    item_id: str
    deleted: bool = True


class User(BaseModel):
    """A person."""

    user_id: str
    created_at: datetime
    n_items: int


class StoredUser(BaseModel):
    """A person as stored now."""

    user_id: str
    created: bool


class UserList(BaseModel):
    """People in the order of their ids, by code point."""

    users: list[User]
    next_cursor: str | None


class Erasure(BaseModel):
    """What was erased of a person."""

    user_id: str
    rows: dict[str, int]
    degraded: list[str]


class RejectedEvent(BaseModel):
    """An event that was not stored."""

    index: int
    code: str


class EventsOutcome(BaseModel):
    """What became of the events; the next call for any of their users sees them."""

    accepted: int
    duplicates: int
    rejected: list[RejectedEvent]


class HistoryItem(BaseModel):
    """An item that the user met."""

    item_id: str
    title: str | None
    value: float | None
    ts: int | None
    disliked: bool | None


class History(BaseModel):
    """What a user met, newest first; items without a time come last. Deleted items are left out."""

    user_id: str
    items: list[HistoryItem]
    next_cursor: str | None
