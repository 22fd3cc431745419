"""Items, people, and what people did."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from app.client.call import Call, answer, given
from app.client.models.catalogue import (
    DeletedItem,
    Erasure,
    EventsOutcome,
    History,
    Item,
    ItemList,
    StoredItem,
    StoredUser,
    User,
    UserList,
)

EventType = Literal["impression", "click", "view", "like", "purchase", "rating", "dislike"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a user did. It gets an id here, so that sending it again stores it once.

    `ts` is in seconds since 1970 (UTC); left out, it is when the server gets it. A `rating` needs its `value`.
    """

    user_id: str
    item_id: str
    type: EventType
    value: float | None = None
    ts: int | None = None
    recommendation_id: str | None = None
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))


def items(*, query: str | None = None, limit: int | None = None, cursor: str | None = None) -> Call[ItemList]:
    """Give a page of the catalogue, or what is called so."""
    params = {"query": query, "limit": limit, "cursor": cursor}
    return Call("GET", "/items", answer(ItemList), params=params)


def item(item_id: str) -> Call[Item]:
    """Give an item."""
    return Call("GET", "/items/{item_id}", answer(Item), {"item_id": item_id})


def put_item(item_id: str, *, title: str | None = None, entity_id: str | None = None) -> Call[StoredItem]:
    """Store an item as it is given; what is left out is empty from now on."""
    body = given({"title": title, "entity_id": entity_id})
    return Call("PUT", "/items/{item_id}", answer(StoredItem), {"item_id": item_id}, body=body)


def delete_item(item_id: str) -> Call[DeletedItem]:
    """Take an item out of the catalogue."""
    return Call("DELETE", "/items/{item_id}", answer(DeletedItem), {"item_id": item_id})


def users(*, prefix: str | None = None, limit: int | None = None, cursor: str | None = None) -> Call[UserList]:
    """Give a page of the people, or of those whose ids begin so."""
    params = {"prefix": prefix, "limit": limit, "cursor": cursor}
    return Call("GET", "/users", answer(UserList), params=params)


def user(user_id: str) -> Call[User]:
    """Give a person."""
    return Call("GET", "/users/{user_id}", answer(User), {"user_id": user_id})


def put_user(user_id: str) -> Call[StoredUser]:
    """Store a person, whether known or not."""
    return Call("PUT", "/users/{user_id}", answer(StoredUser), {"user_id": user_id})


def erase_user(user_id: str) -> Call[Erasure]:
    """Erase a person everywhere."""
    return Call("DELETE", "/users/{user_id}", answer(Erasure), {"user_id": user_id})


def history(user_id: str, *, limit: int | None = None, cursor: str | None = None) -> Call[History]:
    """Give a page of what a user met, newest first."""
    params = {"limit": limit, "cursor": cursor}
    return Call("GET", "/users/{user_id}/history", answer(History), {"user_id": user_id}, params)


def record_events(events: Sequence[Event]) -> Call[EventsOutcome]:
    """Store up to 1,000 events; the very next call for any of their users sees them."""
    return Call("POST", "/events", answer(EventsOutcome), body=[given(asdict(event)) for event in events])
