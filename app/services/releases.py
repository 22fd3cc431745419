"""The release that answers: loaded aside, then swapped in by one assignment.

A request takes `current()` once and keeps that object to its end, so no answer mixes two releases. The database says
which release is active; every process asks it from time to time and follows.
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from anyio import to_thread

from app.errors import NoActiveRelease, ReleaseRefused, ServiceError, StorageUnavailable, UnknownRelease
from app.ports import LoadedRelease, ReleaseInfo, ReleaseStore
from app.stored import ReleaseRows
from app.tenancy import DEFAULT_TENANT, current_tenant

_log = logging.getLogger(__name__)

# No separator, and no leading dot: an id can never name anything outside the folder of releases.
_RELEASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ListedRelease:
    """A release on disk, with what the database knows of it."""

    info: ReleaseInfo
    active: bool
    activated_at: datetime | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Activation:
    """The outcome of an activation; `previous` is None where nothing was active."""

    release_id: str
    previous: str | None


class ReleaseManager:
    """Loads, swaps and follows the active release."""

    def __init__(self, store: ReleaseStore, rows: ReleaseRows, poll_seconds: float) -> None:
        self._store = store
        self._rows = rows
        self._poll_seconds = poll_seconds
        self._changing = asyncio.Lock()
        self._current: LoadedRelease | None = None
        self._missing = "not looked up yet"
        self._refused: tuple[str, float] | None = None
        self._follower: asyncio.Task[None] | None = None

    def current(self) -> LoadedRelease:
        """Give the release that answers now.

        Raises:
            NoActiveRelease: none has been loaded; the message says why.
        """
        release = self._current
        if release is None:
            raise NoActiveRelease(f"No release answers yet: {self._missing}.")
        if not _is_owner():
            raise NoActiveRelease("No release answers here: none was trained with the data of this tenant.")
        return release

    def served(self) -> list[str]:
        """Name the releases that answer in this process."""
        return [] if self._current is None else [self._current.info.release_id]

    @property
    def problem(self) -> str | None:
        """Why no release answers; None if one does."""
        return None if self._current is not None else self._missing

    def start(self) -> None:
        """Begin to follow the database, in the background: the service is live while the release loads."""
        self._follower = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stop following."""
        if self._follower is not None:
            self._follower.cancel()
            with suppress(asyncio.CancelledError):
                await self._follower

    async def activate(self, release_id: str) -> Activation:
        """Load and check a release, make it the active one for every process, and answer with it from now on.

        Raises:
            UnknownRelease: there is no such directory.
            ReleaseRefused: its check failed; the one that was active goes on serving.
            StorageUnavailable: the choice cannot be written; nothing has changed.
        """
        if not _RELEASE_ID.fullmatch(release_id) or not _is_owner():
            raise UnknownRelease(release_id)
        async with self._changing:
            loaded = await self._load(release_id)
            await self._rows.activate(release_id)
            previous = self._swap(loaded)
        return Activation(release_id, previous)

    async def list(self) -> list[ListedRelease]:
        """List the releases on disk, newest first."""
        if not _is_owner():
            return []
        rows = {row.release_id: row for row in await self._rows.list()}
        infos: Sequence[ReleaseInfo] = await to_thread.run_sync(self._store.list)
        listed = []
        for info in infos:
            row = rows.get(info.release_id)
            problem = info.problem or (row.problem if row else None)
            listed.append(ListedRelease(info, bool(row and row.is_active), row.activated_at if row else None, problem))
        return listed

    async def _load(self, release_id: str) -> LoadedRelease:
        try:
            # Not on the scoring threads: requests go on while this takes its seconds.
            return await to_thread.run_sync(self._store.load, release_id)
        except ReleaseRefused as error:
            _log.error("a release was refused", extra={"release": release_id, "reason": error.reason})
            with suppress(StorageUnavailable):
                await self._rows.refuse(release_id, error.reason)
            raise

    def _swap(self, loaded: LoadedRelease) -> str | None:
        previous, self._current = self._current, loaded
        self._refused = None
        _log.info("a release is active", extra={"release": loaded.info.release_id})
        return previous.info.release_id if previous is not None else None

    async def _follow(self) -> None:
        while True:
            try:
                async with self._changing:
                    await self._catch_up()
            except ServiceError as error:
                self._missing = _short(error)
            except Exception:
                self._missing = "it could not be loaded"
                _log.exception("the active release could not be followed")
            await asyncio.sleep(self._poll_seconds)

    async def _catch_up(self) -> None:
        """Load what the database calls active, unless it answers already or was refused a moment ago."""
        wanted = await self._rows.active()
        if wanted is None:
            # What serves goes on: an emptied table is no reason to stop answering.
            self._missing = "no release is active"
            return
        if self._current is not None and self._current.info.release_id == wanted:
            return
        if self._is_waiting(wanted):
            return
        self._missing = f"{wanted} is being loaded"
        try:
            self._swap(await self._load(wanted))
        except (ReleaseRefused, UnknownRelease):
            self._refused = (wanted, asyncio.get_running_loop().time() + 20 * self._poll_seconds)
            raise

    def _is_waiting(self, release_id: str) -> bool:
        """Whether this release failed so recently that reading it again would only burn the disk."""
        if self._refused is None or self._refused[0] != release_id:
            return False
        return asyncio.get_running_loop().time() < self._refused[1]


def _is_owner() -> bool:
    """Whether releases may be shown to this tenant: they hold the ids and vectors of the default tenant's people."""
    return current_tenant() == DEFAULT_TENANT


def _short(error: ServiceError) -> str:
    return "the database cannot be reached" if isinstance(error, StorageUnavailable) else error.message.rstrip(".")
