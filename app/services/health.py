"""Whether the service can answer, and what is missing if it cannot, by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from anyio import to_thread

from app.errors import NotReady
from app.ports import Cache
from app.services.releases import ReleaseManager
from app.stored import Schema


@dataclass(frozen=True, slots=True)
class Readiness:
    """Ready to answer; `degraded` names what is away without stopping answers.

    `rebuilt` says for each release that answers, by its id, why its index had to be made again.
    """

    release: str
    degraded: tuple[str, ...]
    rebuilt: Mapping[str, str]


class HealthService:
    """Looks at every part that an answer needs."""

    def __init__(
        self, schema: Schema, releases: ReleaseManager, cache: Cache, needs_vector_engine: bool = False
    ) -> None:
        """`needs_vector_engine` where nothing names items instead of it."""
        self._schema = schema
        self._releases = releases
        self._cache = cache
        self._needs_vector_engine = needs_vector_engine
        self._ending = False

    def end(self) -> None:
        """Be ready no more: this process is about to end, and answers only those who ask it all the same."""
        self._ending = True

    async def check(self) -> Readiness:
        """Say what answers.

        Raises:
            NotReady: a part is missing; the cache is not such a part, nor a vector engine that something stands in for.
        """
        if self._ending:
            raise NotReady({"server": "it is shutting down"})
        problems = {"database": await self._schema.problem(), "release": self._releases.problem}
        missing = {part: problem for part, problem in problems.items() if problem is not None}
        if missing:
            raise NotReady(missing)
        degraded: tuple[str, ...] = () if self._cache.available else ("cache",)
        if (problem := await self._engine_problem()) is not None:
            if self._needs_vector_engine:
                raise NotReady({"vector_engine": problem})
            degraded += ("vector_engine",)
        infos = [release.info for release in self._releases.answering()]
        rebuilt = {info.release_id: info.rebuilt for info in infos if info.rebuilt}
        return Readiness(self._releases.current().info.release_id, degraded, rebuilt)

    async def _engine_problem(self) -> str | None:
        """Ask through every release that has an engine; off the event loop, as one that is away takes its time."""
        for release in self._releases.answering():
            ask = release.vector_engine_problem
            if ask is not None and (problem := await to_thread.run_sync(ask)) is not None:
                return problem
        return None
