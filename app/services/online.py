"""Online figures: what people did with the lists they were given, by release and by strategy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.errors import InvalidQuery
from app.stored_operations import OnlineCounts, ServedLists

_DEFAULT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class OnlineReport:
    """Counts of the lists that were served from `since` until before `until`."""

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
            InvalidQuery: the time does not go forward.
            StorageUnavailable: it cannot be counted now.
        """
        until = until or datetime.now(UTC)
        since = since or until - _DEFAULT
        if since >= until:
            raise InvalidQuery("`since` must be before `until`.", ("since", "until"))
        groups: Sequence[OnlineCounts] = await self._lists.counts(since, until)
        return OnlineReport(since, until, tuple(groups))
