"""Loads answers that were made ahead into Redis: under the keys that the service itself looks under.

A key holds the release and the versions that its answer rests on. So an answer from before an event, an edit of the
catalogue or another release is never served, loaded or not; it is not loaded, either, where that is known already. It
expires when the service's own would have: `cache_ttl_seconds` after it was made. An answer that is there stays: people
may have seen it, and its id is in the log of what was served.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import polars as pl

from app.bulk_cache import BulkCache, Entry
from app.db.serving import ServingRepository
from app.db.session import Database
from app.db.versions import VersionReader
from app.lists.folder import ListsError, ListsFolder, Manifest
from app.lists.question import query_of
from app.services.answers import key_of
from app.services.recommendations import question_parts
from app.settings import Settings
from app.stored import Versions
from app.tenancy import of_tenant

AT_ONCE = 500
"""Answers of one round trip."""
_SPREAD = 0.1


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of answers: stored, there already, outdated by what happened since, too old to be served."""

    stored: int = 0
    there: int = 0
    outdated: int = 0
    too_old: int = 0

    def __add__(self, other: "Loaded") -> "Loaded":
        return Loaded(
            self.stored + other.stored,
            self.there + other.there,
            self.outdated + other.outdated,
            self.too_old + other.too_old,
        )


class ListLoader:
    """Loads the chunks of one folder; a chunk at a time is in memory."""

    def __init__(
        self,
        database: Database,
        cache: BulkCache,
        folder: ListsFolder,
        settings: Settings,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._cache, self._folder, self._now = database, cache, folder, now
        self._versions = VersionReader(database)
        self._keep_seconds = settings.cache_ttl_seconds - settings.cache_near_seconds
        self._manifest = folder.manifest()
        self._query = query_of(self._manifest.question)

    @property
    def manifest(self) -> Manifest:
        """What the folder holds."""
        return self._manifest

    async def check(self) -> None:
        """Make sure that the folder's answers are of a release that answers.

        Raises:
            ListsError: they are of another one, or no answers were kept.
        """
        if not self._manifest.answers:
            raise ListsError(f"{self._folder.path} holds lists without answers: make them without --no-answers")
        serving = (await ServingRepository(self._database).serving()).get(self._manifest.tenant)
        answering = [] if serving is None else [serving.active]
        if serving is not None and serving.experiment is not None:
            answering.append(serving.experiment.release_b)
        if self._manifest.release not in answering:
            found = ", ".join(answering) or "none"
            raise ListsError(f"the lists are of release {self._manifest.release}, but {found} is active")

    async def load(self, chunk: int) -> Loaded:
        """Load the answers of a chunk.

        Raises:
            ListsError: its file cannot be read.
            BulkFailed: Redis is away or takes no more.
            StorageUnavailable: what is outdated cannot be told.
        """
        loaded = Loaded()
        with of_tenant(self._manifest.tenant):
            for piece in self._folder.answers(chunk).iter_slices(AT_ONCE):
                loaded += await self._load(piece)
        return loaded

    async def _load(self, answers: pl.DataFrame) -> Loaded:
        current = await self._versions.of_many(answers["user_id"].to_list())
        outdated = too_old = 0
        entries: list[Entry] = []
        for user_id, versions, made_at, body in _rows(answers):
            seconds = int((made_at + self._keep_seconds - self._now()) * random.uniform(1 - _SPREAD, 1))
            if current[user_id] != versions:
                outdated += 1
            elif seconds < 1:
                too_old += 1
            else:
                entries.append((self._key(user_id, versions), body, seconds))
        stored = await self._cache.store(entries) if entries else 0
        return Loaded(stored, len(entries) - stored, outdated, too_old)

    def _key(self, user_id: str, versions: Versions) -> str:
        return key_of(question_parts(self._manifest.release, replace(self._query, user_id=user_id), versions))

    def close(self) -> None:
        """Close what is held open."""
        self._versions.close()


def _rows(answers: pl.DataFrame) -> Iterator[tuple[str, Versions, float, bytes]]:
    for user_id, history, stamps, preferences, made_at, body in answers.iter_rows():
        yield user_id, Versions(history, stamps, preferences), made_at, body
