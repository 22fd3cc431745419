"""Feedback: events, and the histories that they make."""

from typing import Annotated

from fastapi import APIRouter, Body, Query

from app.dependencies import EventsDep
from app.errors import InvalidQuery, StorageUnavailable, UnknownUser
from app.routers.problems import problems
from app.schemas.events import EventList, EventsOutcome, History, HistoryParameters
from app.schemas.ids import UserId
from app.schemas.strict import NoParameters

router = APIRouter(tags=["feedback"])


@router.post("/events", responses=problems(StorageUnavailable))
async def record_events(
    events: Annotated[EventList, Body()], _none: Annotated[NoParameters, Query()], store: EventsDep
) -> EventsOutcome:
    """Store what users did; the very next call for any of them sees it.

    Sending a call again is safe. Events that cannot be read refuse the call as a whole; an event of an item that is
    not in the catalogue is rejected by itself.
    """
    return EventsOutcome.of(await store.record([body.event() for body in events]))


@router.get("/users/{user_id}/history", responses=problems(UnknownUser, InvalidQuery, StorageUnavailable))
async def read_history(user_id: UserId, parameters: Annotated[HistoryParameters, Query()], store: EventsDep) -> History:
    """Page through what a user met, newest first."""
    items = await store.history(user_id, parameters.limit + 1, parameters.after())
    if items is None:
        raise UnknownUser(user_id)
    return History.of(user_id, items, parameters.limit)
