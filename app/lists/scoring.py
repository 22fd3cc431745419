"""Scores the users of one chunk: by the service's own parts, so that its lists are the service's lists.

Whatever the service knows of a person counts here, too: what they met, like and dislike, steered, and did after
training; new items, deleted items. `BatchService` makes the lists, `render` the answers.
"""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from app.db.user_ids import UserIds
from app.lists.folder import ListsFolder, Manifest
from app.lists.question import query_of
from app.main import Assembled, assembled
from app.schemas.recommendations import render
from app.services.batches import Batch
from app.services.recommendations import Recommendations, RecommendedItem
from app.settings import Settings
from app.stored import Versions
from app.tenancy import of_tenant

AT_ONCE = 1_000
"""Users whose histories are in memory at the same time."""


@dataclass(frozen=True, slots=True)
class Made:
    """A chunk that was written: how many users, and how long it took."""

    chunk: int
    users: int
    seconds: float


class ChunkScorer:
    """Scores chunks of one folder, one after the other."""

    def __init__(self, parts: Assembled, folder: ListsFolder, manifest: Manifest) -> None:
        self._services, self._versions = parts.services, parts.versions
        self._users = UserIds(parts.database)
        self._folder, self._manifest = folder, manifest
        self._query = query_of(manifest.question)

    async def make(self, chunk: int) -> Made:
        """Score the users of a chunk and write it."""
        began, manifest = time.perf_counter(), self._manifest
        with of_tenant(manifest.tenant):
            user_ids = await self._users.between(*manifest.span(chunk))
            lists: list[tuple[Any, ...]] = []
            answers: list[tuple[Any, ...]] | None = [] if manifest.answers else None
            for start in range(0, len(user_ids), AT_ONCE):
                await self._score(user_ids[start : start + AT_ONCE], lists, answers)
        self._folder.write(chunk, lists, answers)
        return Made(chunk, len(user_ids), time.perf_counter() - began)

    async def _score(
        self, user_ids: Sequence[str], lists: list[tuple[Any, ...]], answers: list[tuple[Any, ...]] | None
    ) -> None:
        # Before anything else is read: what is written meanwhile makes the answers outdated, never wrong.
        versions, made_at = await self._versions.of_many(user_ids), time.time()
        batch = Batch(tuple(user_ids), self._query)
        found = {result.user_id: result async for result in self._services.batches.recommend(batch)}
        for user_id in user_ids:
            if user_id in found:
                result = found[user_id]
                lists.extend(_rows(result))
                if answers is not None and not _needs_a_snapshot(result, self._query.limit):
                    answers.append(_answer(result, versions[user_id], made_at))


def _rows(result: Recommendations) -> list[tuple[Any, ...]]:
    return [
        (result.user_id, item.rank, item.item_id, item.score, result.strategy, *_reason(item), result.release)
        for item in result.items
    ]


def _reason(item: RecommendedItem) -> tuple[str | None, float | None, str | None]:
    """Give the relation that is named, its share, and the status of the reason; nothing where there is none."""
    if item.explanation is None:
        return None, None, None
    first = item.explanation.preferences[0]
    return first.relation_id, first.share, item.explanation.status


def _answer(result: Recommendations, versions: Versions, made_at: float) -> tuple[Any, ...]:
    numbers = (versions.history, versions.stamps, versions.preferences)
    return (result.user_id, *numbers, made_at, render(result))


def _needs_a_snapshot(result: Recommendations, limit: int) -> bool:
    """Tell whether a list may go on, but by a snapshot that the service keeps: ids too long for a cursor."""
    return result.next_cursor is None and len(result.items) == limit


def settings_of_scoring(settings: Settings) -> Settings:
    """Change what a service needs and scoring does not: no cache, nothing logged as served, one thread."""
    changes = {"redis_url": None, "served_log_queue": 0, "scoring_threads": 1, "database_pool_size": 2}
    return settings.model_copy(update=changes)


@asynccontextmanager
async def opened_scorer(settings: Settings, folder: ListsFolder) -> AsyncIterator[ChunkScorer]:
    """Load the release of a folder's manifest, and lend what scores its chunks.

    Raises:
        UnknownRelease, ReleaseRefused, StorageUnavailable: it cannot be scored with.
    """
    manifest = folder.manifest()
    async with assembled(settings_of_scoring(settings)) as parts:
        with of_tenant(manifest.tenant):
            await parts.services.releases.hold(manifest.release)
        yield ChunkScorer(parts, folder, manifest)
