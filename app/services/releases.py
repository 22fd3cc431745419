"""The releases that answer: loaded aside, then swapped in by one assignment.

A request takes `current()` once and keeps that object to its end, so no answer mixes two releases. The database says
for each tenant which release is active, and which experiment runs; every process asks it from time to time and follows.
"""

import asyncio
import logging
import re
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from anyio import to_thread

from app.errors import (
    InvalidQuery,
    NoActiveRelease,
    NoExperiment,
    NoFormerRelease,
    ReleaseNotLoaded,
    ReleaseRefused,
    ServiceError,
    StorageUnavailable,
    UnknownRelease,
)
from app.ports import LoadedRelease, ReleaseInfo, ReleaseStore
from app.services.serving import Serving
from app.stored import ReleaseRows
from app.stored_operations import ExperimentRow, ServingRow, ServingRows
from app.tenancy import current_tenant, of_tenant

_log = logging.getLogger(__name__)

# No separator, and no leading dot: an id can never name anything outside the folder of releases.
_RELEASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_UNKNOWN = "not looked up yet"


@dataclass(frozen=True, slots=True)
class ListedRelease:
    """A release on disk, with what the database knows of it."""

    info: ReleaseInfo
    active: bool
    activated_at: datetime | None
    problem: str | None
    loaded: bool
    rebuilt: str | None = None
    """Why its index was made again; None where it was read, or this process has not loaded the release."""


@dataclass(frozen=True, slots=True)
class Activation:
    """The outcome of an activation; `previous` is None where nothing was active."""

    release_id: str
    previous: str | None


class ReleaseManager:
    """Loads, swaps and follows the releases that answer."""

    def __init__(self, store: ReleaseStore, rows: ReleaseRows, serving: ServingRows, poll_seconds: float) -> None:
        self._store = store
        self._rows = rows
        self._serving_rows = serving
        self._poll_seconds = poll_seconds
        self._changing = asyncio.Lock()
        self._serving: dict[int, Serving] = {}
        self._missing: dict[int, str] = {}
        self._not_followed: str | None = _UNKNOWN
        self._refused: dict[tuple[int, str], float] = {}
        self._follower: asyncio.Task[None] | None = None
        self._looked = asyncio.Event()

    def current(self, user_id: str | None = None) -> LoadedRelease:
        """Give the release that answers a user of the current tenant now; without a user, the active one.

        Raises:
            NoActiveRelease: none has been loaded; the message says why.
        """
        serving = self._serving.get(current_tenant())
        if serving is None:
            raise NoActiveRelease(f"No release answers yet: {self.problem}.")
        return serving.release_for(user_id)

    def chosen(self, release_id: str | None, user_id: str | None) -> LoadedRelease:
        """Give a release by its id, if it is one of those that answer now; without one, as `current`.

        Raises:
            NoActiveRelease: none has been loaded.
            ReleaseNotLoaded: it is not the active one, nor the second one of an experiment.
        """
        answering = self.current(user_id)
        if release_id is None:
            return answering
        loaded = self._serving[current_tenant()].loaded(release_id)
        if loaded is None:
            raise ReleaseNotLoaded(release_id)
        return loaded

    def dealt(self, user_ids: Sequence[str]) -> list[tuple[LoadedRelease, tuple[str, ...]]]:
        """Give for each release that answers now those of the users whom it answers, in their order.

        Raises:
            NoActiveRelease: none has been loaded; the message says why.
        """
        self.current()
        serving = self._serving[current_tenant()]
        groups: dict[str, list[str]] = {}
        for user_id in user_ids:
            groups.setdefault(serving.release_for(user_id).info.release_id, []).append(user_id)
        return [(serving.release_for(users[0]), tuple(users)) for users in groups.values()]

    def answering(self) -> list[LoadedRelease]:
        """Give the releases that answer the current tenant in this process."""
        serving = self._serving.get(current_tenant())
        loaded = () if serving is None else (serving.first, serving.second)
        return [release for release in loaded if release is not None]

    def served(self) -> list[str]:
        """Name the releases that answer the current tenant in this process."""
        return [release.info.release_id for release in self.answering()]

    def experiment(self) -> ExperimentRow | None:
        """Give the experiment of the current tenant that this process takes part in."""
        serving = self._serving.get(current_tenant())
        return None if serving is None else serving.experiment

    @property
    def problem(self) -> str | None:
        """Why no release answers the current tenant; None if one does."""
        if current_tenant() in self._serving:
            return None
        return self._not_followed or self._missing.get(current_tenant(), "no release is active")

    def start(self) -> None:
        """Begin to follow the database, in the background: the service is live while the release loads."""
        self._follower = asyncio.create_task(self._follow())

    async def looked(self) -> None:
        """Wait until what answers was loaded, or could not be, for the first time."""
        await self._looked.wait()

    async def stop(self) -> None:
        """Stop following."""
        if self._follower is not None:
            self._follower.cancel()
            with suppress(asyncio.CancelledError):
                await self._follower

    async def activate(self, release_id: str) -> Activation:
        """Load and check a release, make it the active one for every process, and answer with it from now on.

        A running experiment ends: who activates a release means it for everybody.

        Raises:
            UnknownRelease: there is no such directory.
            ReleaseRefused: its check failed; the one that was active goes on serving.
            StorageUnavailable: the choice cannot be written; nothing has changed.
        """
        async with self._changing:
            loaded = await self._load(release_id)
            await self._rows.activate(release_id)
            return self._activated(Serving(loaded))

    async def hold(self, release_id: str) -> None:
        """Answer everybody of the current tenant by one release, in this process alone; the database is not told.

        Raises:
            UnknownRelease: there is no such directory.
            ReleaseRefused: its check failed.
        """
        async with self._changing:
            self._serving[current_tenant()] = Serving(await self._load(release_id))

    async def roll_back(self) -> Activation:
        """Go back to the release that was active before; again, to the one before that. An experiment ends.

        Raises:
            NoFormerRelease: there is none.
            UnknownRelease, ReleaseRefused, StorageUnavailable: as `activate`.
        """
        async with self._changing:
            while (release_id := await self._serving_rows.former()) is not None:
                loaded = await self._load(release_id)
                if await self._serving_rows.roll_back(release_id):
                    return self._activated(Serving(loaded))
        raise NoFormerRelease

    async def start_experiment(self, first: str | None, second: str, share: float) -> ExperimentRow:
        """Answer a share of the users with a second release, and everybody else with the first, from now on.

        Args:
            first: a release, which becomes the active one; None takes the active one.
            second: another release.
            share: how many users get it, from 0 to 1.

        Raises:
            NoActiveRelease: no first one is named, and none is active.
            InvalidQuery: the two are one; it names `a` and `b`.
            UnknownRelease, ReleaseRefused, StorageUnavailable: as `activate`.
        """
        async with self._changing:
            name = first or self.current().info.release_id
            if name == second:
                raise InvalidQuery("`b` must be another release than `a`, or than the active one.", ("a", "b"))
            loaded, other = await self._load(name), await self._load(second)
            experiment = ExperimentRow(uuid.uuid4().hex, name, second, share, datetime.now(UTC))
            await self._serving_rows.start_experiment(experiment)
            self._activated(Serving(loaded, experiment, other))
        return experiment

    async def end_experiment(self) -> ExperimentRow:
        """Answer everybody with the active release again.

        Raises:
            NoExperiment: none runs.
            StorageUnavailable: nothing has changed.
        """
        async with self._changing:
            ended = await self._serving_rows.end_experiment()
            if ended is None:
                raise NoExperiment
            serving = self._serving.get(current_tenant())
            if serving is not None:
                self._serving[current_tenant()] = Serving(serving.first)
        return ended

    async def list(self) -> list[ListedRelease]:
        """List the releases on disk, newest first."""
        rows = {row.release_id: row for row in await self._rows.list()}
        loaded = {release.info.release_id: release.info.rebuilt or None for release in self.answering()}
        infos: Sequence[ReleaseInfo] = await to_thread.run_sync(self._store.list)
        listed = []
        for info in infos:
            row = rows.get(info.release_id)
            problem = info.problem or (row.problem if row else None)
            activated_at, active = (row.activated_at, row.is_active) if row else (None, False)
            is_loaded, rebuilt = info.release_id in loaded, loaded.get(info.release_id)
            listed.append(ListedRelease(info, active, activated_at, problem, is_loaded, rebuilt))
        return listed

    async def _load(self, release_id: str) -> LoadedRelease:
        """Give a release that is loaded already, or load it."""
        if not _RELEASE_ID.fullmatch(release_id):
            raise UnknownRelease(release_id)
        serving = self._serving.get(current_tenant())
        if serving is not None and (loaded := serving.loaded(release_id)) is not None:
            return loaded
        try:
            # Not on the scoring threads: requests go on while this takes its seconds.
            return await to_thread.run_sync(self._store.load, release_id)
        except ReleaseRefused as error:
            _log.error("a release was refused", extra={"release": release_id, "reason": error.reason})
            with suppress(StorageUnavailable):
                await self._rows.refuse(release_id, error.reason)
            raise

    def _activated(self, serving: Serving) -> Activation:
        tenant, release_id = current_tenant(), serving.first.info.release_id
        before = self._serving.get(tenant)
        self._serving[tenant] = serving
        self._refused.clear()
        _log.info("a release is active", extra={"release": release_id})
        return Activation(release_id, None if before is None else before.first.info.release_id)

    async def _follow(self) -> None:
        while True:
            try:
                async with self._changing:
                    await self._catch_up(await self._serving_rows.serving())
                self._not_followed = None
            except ServiceError as error:
                self._not_followed = _short(error)
            except Exception:
                self._not_followed = "it could not be loaded"
                _log.exception("the active release could not be followed")
            self._looked.set()
            await asyncio.sleep(self._poll_seconds)

    async def _catch_up(self, wanted: Mapping[int, ServingRow]) -> None:
        """Follow every tenant. One that has no active release any more keeps what serves: no reason to fall silent."""
        self._not_followed = None
        for tenant, row in wanted.items():
            with of_tenant(tenant):
                try:
                    await self._follow_one(row)
                except ServiceError as error:
                    self._missing[tenant] = _short(error)

    async def _follow_one(self, row: ServingRow) -> None:
        """Load what is to answer the current tenant; while the second release loads, the first answers everybody."""
        first = await self._wanted(row.active)
        if first is None:
            return
        serving = self._serving.get(current_tenant())
        if serving is None or serving.first is not first:
            self._activated(Serving(first))
            serving = self._serving[current_tenant()]
        if _id(serving.experiment) == _id(row.experiment):
            return
        second = None if row.experiment is None else await self._wanted(row.experiment.release_b)
        self._serving[current_tenant()] = Serving(first) if second is None else Serving(first, row.experiment, second)

    async def _wanted(self, release_id: str) -> LoadedRelease | None:
        """Load a release, unless it failed so recently that reading it again would only burn the disk."""
        key, now = (current_tenant(), release_id), asyncio.get_running_loop().time()
        if now < self._refused.get(key, now):
            return None
        self._missing[current_tenant()] = f"{release_id} is being loaded"
        try:
            return await self._load(release_id)
        except (ReleaseRefused, UnknownRelease):
            self._refused[key] = now + 20 * self._poll_seconds
            raise


def _id(experiment: ExperimentRow | None) -> str | None:
    return None if experiment is None else experiment.experiment_id


def _short(error: ServiceError) -> str:
    return "the database cannot be reached" if isinstance(error, StorageUnavailable) else error.message.rstrip(".")
