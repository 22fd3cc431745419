"""Whether a new release may take over from the active one, by their figures on the test split."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.ports import ReleaseInfo
from app.services.comparison import figures, finite

DECISIVE = ("recommendation.f1", "recommendation.ndcg", "completion.hits", "completion.mrr")
"""One figure of each task for the first N, one for their order; higher is better in all."""


@dataclass(frozen=True, slots=True)
class Check:
    """One figure; `active` is None where there is nothing to hold it against."""

    metric: str
    release: float | None
    active: float | None
    passed: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The checks, and whether all passed. `same_data` is None where nothing was active."""

    against: str | None
    same_data: bool | None
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether something was measured, and nothing was missing, not finite, or worse than allowed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """Say in one line what did not pass."""
        failed = [f"{c.metric} {_told(c.release)} (active: {_told(c.active)})" for c in self.checks if not c.passed]
        return "not activated: " + ("; ".join(failed) if self.checks else "nothing was measured")

    def values(self) -> dict[str, Any]:
        """Give it as JSON."""
        checks = [{name: getattr(check, name) for name in Check.__slots__} for check in self.checks]
        return {"passed": self.passed, "against": self.against, "same_data": self.same_data, "checks": checks}


def judge(release: ReleaseInfo, active: ReleaseInfo | None, max_drop: float) -> Verdict:
    """Hold a release against the active one.

    A figure passes if it is finite, and at least (1 - `max_drop`) times that of the active release. What the active
    release has and the new one lacks does not pass. A figure of the active release that is not finite asks nothing.
    """
    ours, theirs = figures(release.metrics), {} if active is None else figures(active.metrics)
    checks = [
        _check(name, ours.get(name), theirs.get(name), max_drop) for name in DECISIVE if name in ours or name in theirs
    ]
    if active is None:
        return Verdict(None, None, tuple(checks))
    same = _hash(release) is not None and _hash(release) == _hash(active)
    return Verdict(active.release_id, same, tuple(checks))


def _check(metric: str, value: float | None, active: float | None, max_drop: float) -> Check:
    release, before = finite(value), finite(active)
    passed = release is not None and (before is None or release >= (1 - max_drop) * before)
    return Check(metric, release, before, passed)


def _told(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def _hash(info: ReleaseInfo) -> Mapping[str, Any] | None:
    return info.extra.get("dataset_hash")
