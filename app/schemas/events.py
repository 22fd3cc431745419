"""Events as they are sent, what became of them, and histories."""

import time
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.feedback import Event, EventType, HistoryItem, Recorded, RejectionCode
from app.schemas import cursors
from app.schemas.ids import ExternalId
from app.schemas.strict import WHOLE, StrictBody

MAX_EVENTS = 1_000
_LATEST = 253_402_300_799  # the last second of the year 9999

EVENTS_EXAMPLE = [
    {
        "event_id": "4f6c1f0e-7e07-4c86-9f43-6a6f2d1c9a10",
        "user_id": "u1",
        "item_id": "i9",
        "type": "rating",
        "value": 4.5,
        "ts": 1767225600,
        "recommendation_id": "8c5a1b0e-52d6-4e0b-9f0b-0a6f2f8f6a77",
    }
]


class EventBody(StrictBody):
    """One thing that a user did."""

    event_id: ExternalId = Field(description="Names this event for ever: sent again, it is counted as a duplicate.")
    user_id: ExternalId = Field(description="Who; a user who is not stored yet is stored.", examples=["u1"])
    item_id: ExternalId = Field(description="With which item.", examples=["i9"])
    type: EventType = Field(
        description="`view`, `like`, `purchase`, `rating` and `dislike` put the item into the history: it is not "
        "recommended again. `impression` and `click` do not. A disliked item explains nothing.",
        examples=["rating"],
    )
    value: float | None = Field(
        None, allow_inf_nan=False, description="A number of your scale; a `rating` has to have one.", examples=[4.5]
    )
    ts: Annotated[int, Field(ge=0, le=_LATEST), WHOLE] | None = Field(
        None, description="When, in seconds since 1970 (UTC); left out, it is now."
    )
    recommendation_id: ExternalId | None = Field(None, description="The list in which the user found the item.")

    @model_validator(mode="after")
    def _check_rating(self) -> "EventBody":
        if self.type == "rating" and self.value is None:
            raise PydanticCustomError("rating", "A rating needs its value.")
        return self

    def event(self) -> Event:
        """Say what happened, without HTTP."""
        ts = int(time.time()) if self.ts is None else self.ts
        return Event(self.event_id, self.user_id, self.item_id, self.type, self.value, ts, self.recommendation_id)


EventList = Annotated[
    list[EventBody],
    Field(min_length=1, max_length=MAX_EVENTS, description=f"1 to {MAX_EVENTS} events.", examples=[EVENTS_EXAMPLE]),
]


class RejectedEvent(BaseModel):
    """An event that was not stored."""

    index: int = Field(description="Its place in the call, from 0.", examples=[2])
    code: RejectionCode = Field(description="Why: `unknown_item`, where no item has the id.")


class EventsOutcome(BaseModel):
    """What became of the events; the next call for any of their users sees them."""

    accepted: int = Field(description="Events that were stored now.", examples=[1])
    duplicates: int = Field(
        description="Events whose id was stored before, or stands earlier in the call: stored once.", examples=[0]
    )
    rejected: list[RejectedEvent] = Field(description="Events that were not stored, and why; the others are.")

    @classmethod
    def of(cls, result: Recorded) -> "EventsOutcome":
        """Convert what the service says."""
        rejected = [RejectedEvent(index=each.index, code=each.code) for each in result.rejected]
        return cls(accepted=result.accepted, duplicates=result.duplicates, rejected=rejected)


class PageParameters(BaseModel):
    """A page of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=1_000, description="Entries to return.")
    cursor: str | None = Field(
        None, max_length=4_096, description="`next_cursor` of the page before; left out for the first page."
    )


class HistoryParameters(PageParameters):
    """A page of a history."""

    def after(self) -> tuple[int | None, str] | None:
        """Give time and id of the item before the first.

        Raises:
            InvalidQuery: the cursor is none of a history.
        """
        if self.cursor is None:
            return None
        ts, item_id = cursors.decode(self.cursor, ((int, type(None)), str))
        return (ts, item_id)  # type: ignore[return-value]  # `decode` has looked


class HistoryItemBody(BaseModel):
    """An item that the user met."""

    item_id: str = Field(description="The item.", examples=["i9"])
    title: str | None = Field(description="Its title; null if none is stored.", examples=["Falling Down"])
    value: float | None = Field(description="The newest value that an event or the data set gave.", examples=[4.5])
    ts: int | None = Field(description="The newest time, in seconds since 1970 (UTC); null if none is known.")
    disliked: bool | None = Field(description="The newest opinion that events told; null if there is none.")


class History(BaseModel):
    """What a user met, newest first; items without a time come last. Deleted items are left out."""

    user_id: str = Field(description="The user.", examples=["u1"])
    items: list[HistoryItemBody] = Field(description="The items of this page.")
    next_cursor: str | None = Field(description="For the next page; null if there is none.")

    @classmethod
    def of(cls, user_id: str, items: list[HistoryItem], limit: int) -> "History":
        """Convert what the service says; it looked for one item more than `limit`."""
        page = items[:limit]
        last = cursors.encode(page[-1].timestamp, page[-1].item_id) if len(items) > limit else None
        bodies = [
            HistoryItemBody(item_id=i.item_id, title=i.title, value=i.value, ts=i.timestamp, disliked=i.disliked)
            for i in page
        ]
        return cls(user_id=user_id, items=bodies, next_cursor=last)
