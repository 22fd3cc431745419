"""The figures of releases: flat, held against each other, and as the active release's evaluation."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import StorageUnavailable, UnknownRelease
from app.ports import ReleaseInfo
from app.services.releases import ReleaseManager


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure in two releases; None where a release has none, or none that is finite."""

    metric: str
    release: float | None
    against: float | None

    @property
    def change(self) -> float | None:
        """What the release has more than the other."""
        return None if self.release is None or self.against is None else self.release - self.against


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two releases, figure by figure. `caveats` say why they were not measured alike; there are none if they were."""

    release: ReleaseInfo
    against: ReleaseInfo
    caveats: tuple[str, ...]
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How the active release was measured, and what came out; a task that was not measured is None."""

    release: ReleaseInfo
    protocol: str | None
    split: str | None
    top_n: int | None
    seed: int | None
    recommendation: Mapping[str, float] | None
    most_popular: Mapping[str, float] | None
    completion: Mapping[str, float] | None
    calibration: Mapping[str, Any] | None
    reasons: Mapping[str, Any] | None = None


class ComparisonService:
    """Reads figures from manifests; no weights are loaded for it."""

    def __init__(self, releases: ReleaseManager) -> None:
        self._releases = releases

    async def compare(self, release_id: str, against: str | None) -> Comparison:
        """Hold one release against another, or against the active one.

        Raises:
            UnknownRelease: there is no such directory.
            NoActiveRelease: no other one is named, and none is active.
        """
        other = against or self._releases.current().info.release_id
        infos = {listed.info.release_id: listed.info for listed in await self._releases.list()}
        for name in (release_id, other):
            if name not in infos:
                raise UnknownRelease(name)
        return compare(infos[release_id], infos[other])

    async def evaluation(self) -> Evaluation:
        """Give the figures of the active release, as its manifest holds them, and those of its audit as it is now.

        Raises:
            NoActiveRelease: none is active.
        """
        info = self._releases.current().info
        metrics = info.metrics
        completion = dict(metrics.get("completion") or {})
        calibration = completion.pop("calibration", None)
        return Evaluation(
            info,
            metrics.get("protocol"),
            metrics.get("split"),
            metrics.get("top_n"),
            info.extra.get("seed"),
            metrics.get("recommendation"),
            metrics.get("most_popular"),
            completion or None,
            calibration,
            await self._audit(info.release_id),
        )

    async def _audit(self, release_id: str) -> Mapping[str, Any] | None:
        """Give the audit that lies in the release's folder; None where there is none, or nobody can look now."""
        try:
            listed = await self._releases.list()
        except StorageUnavailable:
            return None
        return next((one.info.extra.get("audit") for one in listed if one.info.release_id == release_id), None)


def compare(release: ReleaseInfo, against: ReleaseInfo) -> Comparison:
    """Hold the figures of two manifests against each other, in the order of their names."""
    ours, theirs = figures(release.metrics), figures(against.metrics)
    names = sorted({*ours, *theirs})
    differences = tuple(Difference(name, finite(ours.get(name)), finite(theirs.get(name))) for name in names)
    return Comparison(release, against, tuple(_caveats(release, against)), differences)


def figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Give every number in metrics by its dotted name; a truth value is none.

    >>> figures({"top_n": 10, "recommendation": {"f1": 0.5, "ok": True}, "split": "test"})
    {'top_n': 10.0, 'recommendation.f1': 0.5}
    """
    flat: dict[str, float] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": number for inner, number in figures(value).items()}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            flat[name] = float(value)
    return flat


def same_splits(release: ReleaseInfo, against: ReleaseInfo) -> bool:
    """Tell whether two releases learnt from the same splits: a refit learnt from validation rows, too."""
    return bool(release.extra.get("refit") == against.extra.get("refit"))


def _caveats(release: ReleaseInfo, against: ReleaseInfo) -> Iterator[str]:
    if release.extra.get("dataset_hash") != against.extra.get("dataset_hash"):
        yield "other_data"
    if not same_splits(release, against):
        yield "other_refit"
    for name in ("protocol", "split", "top_n"):
        if release.metrics.get(name) != against.metrics.get(name):
            yield f"other_{name}"


def finite(value: float | None) -> float | None:
    """Give a figure; None for one that is no finite number."""
    return value if value is not None and math.isfinite(value) else None
