"""Online figures: what people did with the lists they were given, by release and by strategy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.errors import InvalidQuery
from app.stored_operations import OnlineCounts, ServedLists

_DEFAULT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class OnlineReport:
    """Counts of the lists that were served from `since` until before `until`, both in UTC."""

    since: datetime
    until: datetime
    groups: tuple[OnlineCounts, ...]


class OnlineService:
    """Joins the log of lists with the events that name them."""

    def __init__(self, lists: ServedLists) -> None:
        self._lists = lists

    async def report(self, since: datetime | None, until: datetime | None) -> OnlineReport:
        """Count lists and what became of them; the last seven days unless times are given.

        Raises:
            InvalidQuery: the time does not go forward, or leaves the calendar.
            StorageUnavailable: it cannot be counted now.
        """
        until = datetime.now(UTC) if until is None else _in_utc(until, "until")
        since = _in_utc(until, "until", _DEFAULT) if since is None else _in_utc(since, "since")
        if since >= until:
            raise InvalidQuery("`since` must be before `until`.", ("since", "until"))
        groups: Sequence[OnlineCounts] = await self._lists.counts(since, until)
        return OnlineReport(since, until, tuple(groups))


def _in_utc(time: datetime, field: str, before: timedelta = timedelta(0)) -> datetime:
    """Give a time, less `before`, in UTC: SQLite keeps the digits of a time and forgets their zone.

    Raises:
        InvalidQuery: it is not in the years 1 to 9999; names the field that the time came from.
    """
    try:
        return time.astimezone(UTC) - before
    except OverflowError:
        raise InvalidQuery(f"`{field}` leads out of the years 1 to 9999.", (field,)) from None
