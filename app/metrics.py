"""Figures for Prometheus. Labels come from closed sets (routes, statuses, layers, never ids), so series stay few.

Where the server runs in several processes, they write to files in one folder (`PROMETHEUS_MULTIPROC_DIR`, which
`python -m app serve` sets), and whichever process is asked adds them up.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# The service promises milliseconds: finer there than the library's own buckets.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@contextmanager
def shared_figures(processes: int) -> Iterator[None]:
    """Give server processes that start inside a folder to count in, unless there is one process or such a folder.

    The library looks for it when it is imported: processes must not be forked from one that imported it before.
    """
    if processes == 1 or SHARED_FOLDER in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="ktup-metrics-") as folder:
        os.environ[SHARED_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[SHARED_FOLDER]


class ProcessFigures(Protocol):
    """Figures that are read when they are asked for, of the process that is asked."""

    def collect(self) -> Iterable[Metric]:
        """Give them."""
        ...


class Metrics:
    """What one service counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._shared = SHARED_FOLDER in os.environ
        self._of_process: list[ProcessFigures] = []
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        if not self._shared:
            ProcessCollector(registry=self._registry)
        labels = ["method", "route", "status"]
        self._requests = Counter("ktup_requests", "Answered requests.", labels, registry=self._registry)
        self._seconds = Histogram(
            "ktup_request_seconds", "Time to the last byte.", ["route"], registry=self._registry, buckets=_BUCKETS
        )
        self._lookups = Counter(
            "ktup_cache_lookups",
            "Questions by where their answer was: process, shared, running (being computed for others), or none.",
            ["found"],
            registry=self._registry,
        )
        self._logged = Counter(
            "ktup_served_lists", "Lists offered to the log of what was served.", ["outcome"], registry=self._registry
        )
        self._waiting = Gauge(
            "ktup_served_lists_waiting",
            "Lists that wait to be logged.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request; `route` is a template such as `/items/{item_id}`."""
        series = self._series.get((method, route, status))
        if series is None:
            # Looking labels up costs as much as counting; there are few of them, so they are kept.
            series = (self._requests.labels(method, route, str(status)), self._seconds.labels(route))
            self._series[method, route, status] = series
        series[0].inc()
        series[1].observe(seconds)

    def lookup(self, found: str) -> None:
        """Count one question to the cache by the layer that had the answer: `app.services.answers` names them."""
        self._lookups.labels(found).inc()

    def logged(self, outcome: str, n: int = 1) -> None:
        """Count lists that were `stored` in the log of what was served, or `dropped` as it was full or failed."""
        self._logged.labels(outcome).inc(n)

    def waiting(self, n: int) -> None:
        """Say how many lists wait to be logged."""
        self._waiting.set(n)

    def watch(self, figures: ProcessFigures) -> None:
        """Read more figures at each scrape."""
        self._of_process.append(figures)

    def render(self) -> bytes:
        """Write everything in the text format."""
        registry = CollectorRegistry()
        for figures in self._of_process:
            registry.register(figures)
        if self._shared:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            return generate_latest(registry)
        return generate_latest(self._registry) + generate_latest(registry)


class ReleaseFigures:
    """The releases that answer in the process that is asked."""

    def __init__(self, served: Callable[[], list[str]]) -> None:
        self._served = served

    def collect(self) -> Iterable[Metric]:
        """Give one line a release; there are at most two."""
        family = InfoMetricFamily("ktup_release", "The releases that answer.", labels=[])
        for release_id in self._served():
            family.add_metric([], {"release": release_id})
        yield family
