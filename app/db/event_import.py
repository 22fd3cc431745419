"""Import of many events, in transactions that others need not wait long for. Running it again changes nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.db.events import EventRepository
from app.db.session import Database
from app.event_file import Numbered


@dataclass(slots=True)
class ImportedEvents:
    """What became of the events so far; `rejected` are lines whose item is not in the catalogue."""

    accepted: int = 0
    duplicates: int = 0
    n_rejected: int = 0


async def import_events(
    database: Database,
    pieces: Iterable[list[Numbered]],
    rejected: Callable[[int], None],
    progress: Callable[[int], None],
) -> ImportedEvents:
    """Store events piece by piece, each in a transaction of its own: what was stored before an error stays.

    `rejected` is called with each line whose item is not in the catalogue, `progress` with the events just done.

    Raises:
        StorageUnavailable: the database is away or locked; the same call again goes on where this one ended.
    """
    store, done = EventRepository(database), ImportedEvents()
    for piece in pieces:
        result = await store.record([event for _, event in piece])
        done.accepted += result.accepted
        done.duplicates += result.duplicates
        done.n_rejected += len(result.rejected)
        for rejection in result.rejected:
            rejected(piece[rejection.index][0])
        progress(len(piece))
    return done
