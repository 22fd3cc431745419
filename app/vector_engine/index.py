"""Items nominated by a vector engine, and what happens while it is away.

One query to it for each search: the user, carried by what they induce on average (models/retrieval/carried.py). What it
names is measured and decided by the model, as with every index. While the engine is away, or does not hold the release,
the index in the release nominates instead, or nothing does and the call is refused, as the operator chose; it is asked
again after a pause, so that an outage costs one call in a while its time limit, and the others nothing.
"""

import logging
import math
import time
from collections.abc import Callable

import numpy as np

from app.errors import VectorEngineUnavailable
from app.vector_engine.engine import EngineAway, Loaded, VectorEngine
from models.preferences import Strategy
from models.retrieval.carried import Sample
from models.retrieval.items import Users
from models.retrieval.nominations import Excluded, IndexShape, Nominations, Nominator

log = logging.getLogger(__name__)


class EngineIndex:
    """The items of one release in an engine; `instead` is the index of the release, None where calls are refused."""

    def __init__(
        self,
        engine: VectorEngine,
        release: str,
        fingerprint: str,
        sample: Sample,
        shape: IndexShape,
        retry_seconds: float,
        instead: tuple[Nominator, int] | None,
        clock: Callable[[], float] = time.monotonic,
        held: Loaded | None = None,
    ) -> None:
        """`instead` has the effort that was chosen for it beside it; what is known to be `held` is not asked for."""
        self._engine, self._release, self._fingerprint = engine, release, fingerprint
        self._sample, self.shape, self._instead = sample, shape, instead
        self._retry_seconds, self._clock = retry_seconds, clock
        self._held = held
        self._problem: str | None = None
        self._asked = -math.inf

    def proves(self, strategy: Strategy) -> bool:
        """A graph of neighbours is searched in part: never."""
        return False

    def nominate(self, users: Users, m: int, least: int, excluded: Excluded) -> Nominations:
        """Name as many items as were found to be needed when the release was loaded into the engine, m at the least.

        Raises:
            VectorEngineUnavailable: the engine is away, and nothing is to nominate instead of it.
        """
        try:
            return self._by_engine(users, m, self._ready(), excluded)
        except EngineAway as error:
            self._away(error)
            if self._instead is None:
                raise VectorEngineUnavailable(str(error)) from error
            index, effort = self._instead
            return index.nominate(users, m, effort, excluded)

    def problem(self) -> str | None:
        """Why the engine does not nominate; None where it does. Asks it, unless that was done a moment ago."""
        if self._clock() >= self._asked + self._retry_seconds:
            try:
                self._look()
            except EngineAway as error:
                self._away(error)
        return self._problem

    def _by_engine(self, users: Users, m: int, held: Loaded, excluded: Excluded) -> Nominations:
        n = min(self.shape.n_items, max(m, held.nominate))
        queries = self._sample.queries(users) if len(users) else np.empty((0, 0), np.float32)
        rows = np.full((len(users), n), -1, dtype=np.int64)
        bounds = np.zeros(len(users))
        for k in range(len(users)):
            found = self._engine.nearest(held.collection, queries[k], n, excluded[k])
            rows[k, : len(found)] = found
            left = self.shape.n_items - len(np.unique(excluded[k]))
            bounds[k] = math.inf if len(found) >= left else 0.0
        return Nominations(rows, bounds, rough=True)

    def _ready(self) -> Loaded:
        if self._held is None or self._problem is not None:
            if self._problem is not None and self._clock() < self._asked + self._retry_seconds:
                raise EngineAway(self._problem)
            return self._look()
        return self._held

    def _look(self) -> Loaded:
        self._asked = self._clock()
        held = self._engine.loaded(self._release)
        advice = "load it by `python -m app vectors load`"
        if held is None:
            raise EngineAway(f"the engine does not hold release {self._release!r}: {advice}")
        if (held.fingerprint, held.items) != (self._fingerprint, self.shape.n_items):
            raise EngineAway(f"the engine holds another release of the name {self._release!r}: {advice}")
        if self._problem is not None:
            log.warning("the vector engine nominates again", extra={"release": self._release})
        self._held, self._problem = held, None
        return held

    def _away(self, error: EngineAway) -> None:
        if self._problem is None:
            log.warning("the vector engine is away", extra={"release": self._release, "reason": str(error)})
            self._asked = self._clock()
        self._problem = str(error)
