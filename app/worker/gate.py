"""Whether a new release may take over from the active one: by their figures on the test split, by how much of the true
lists its index finds, and by whether its reasons held when they were tried.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.ports import ReleaseInfo
from app.services.comparison import figures, finite, same_splits

DECISIVE = ("recommendation.f1", "recommendation.ndcg", "completion.hits", "completion.mrr")
"""One figure of each task for the first N, one for their order; higher is better in all."""


LEAST_RECALL = 0.95
"""Of the true first 10 that an index has to find. One that proves its answers finds all; training aims at 0.999."""
MOST_ERROR = 1e-6
"""By how much a score may differ from what its reason adds up to: rounding in float64, and no more."""
TRUE_REASONS = {
    "audit.stable": ("stable",),
    "audit.all_stored": ("evidence", "all_stored"),
    "audit.verified": ("counterfactual", "verified"),
}
"""Shares of the audited reasons that have to be 1: told again alike, of stored facts only, holding when tried."""


@dataclass(frozen=True, slots=True)
class Check:
    """One figure; `active` is None where there is nothing to hold it against.

    `least` and `most` are bounds that it has to keep whatever the active release has; None where there is none.
    """

    metric: str
    release: float | None
    active: float | None
    passed: bool
    least: float | None = None
    most: float | None = None

    @property
    def told(self) -> str:
        """Say in words how it came out."""
        beside = (("active", self.active), ("at least", self.least), ("at most", self.most))
        held = [f"{name}: {_told(value)}" for name, value in beside if value is not None]
        return f"{self.metric} {_told(self.release)} ({', '.join(held) or 'active: none'})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The checks, and whether all passed.

    `same_data` says whether both were measured on the same rows, `same_splits` whether both learnt from the same
    splits. Both are None where nothing was active.
    """

    against: str | None
    same_data: bool | None
    same_splits: bool | None
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether something was measured on test, and nothing was missing, not finite, or worse than allowed."""
        return any(check.metric in DECISIVE for check in self.checks) and all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """Say in one line what did not pass."""
        failed = [check.told for check in self.checks if not check.passed]
        return "not activated: " + ("; ".join(failed) or "nothing was measured")

    def values(self) -> dict[str, Any]:
        """Give it as JSON."""
        checks = [{name: getattr(check, name) for name in Check.__slots__} for check in self.checks]
        same = {"same_data": self.same_data, "same_splits": self.same_splits}
        return {"passed": self.passed, "against": self.against, **same, "checks": checks}


def judge(release: ReleaseInfo, active: ReleaseInfo | None, max_drop: float, audited: bool = False) -> Verdict:
    """Hold a release against the active one, and against what every release has to keep.

    A figure passes if it is finite, and at least (1 - `max_drop`) times that of the active release. What the active
    release has and the new one lacks does not pass. A figure of the active release that is not finite asks nothing.
    The index has to find LEAST_RECALL of the true lists. An audit has to have found every reason true; where `audited`
    is set, there has to be one.
    """
    ours, theirs = figures(release.metrics), {} if active is None else figures(active.metrics)
    checks = [
        _check(name, ours.get(name), theirs.get(name), max_drop) for name in DECISIVE if name in ours or name in theirs
    ]
    checks += [*_recall(release), *_reasons(release, audited)]
    if active is None:
        return Verdict(None, None, None, tuple(checks))
    same = _hash(release) is not None and _hash(release) == _hash(active)
    return Verdict(active.release_id, same, same_splits(release, active), tuple(checks))


def _check(metric: str, value: float | None, active: float | None, max_drop: float) -> Check:
    release, before = finite(value), finite(active)
    passed = release is not None and (before is None or release >= (1 - max_drop) * before)
    return Check(metric, release, before, passed)


def _recall(release: ReleaseInfo) -> Iterator[Check]:
    """Check what the index finds; releases of before it was measured say nothing of it."""
    index = release.extra.get("index") or {}
    if "recall" in index:
        yield _bounded("index.recall", index["recall"], least=LEAST_RECALL)


def _reasons(release: ReleaseInfo, audited: bool) -> Iterator[Check]:
    figures_of_all = ((release.extra.get("audit") or {}).get("all")) or {}
    if not figures_of_all:
        if audited:
            yield _bounded("audit.pairs", None, least=1)
        return
    yield _bounded("audit.pairs", figures_of_all.get("pairs"), least=1)
    yield _bounded("audit.rebuilt_error", figures_of_all.get("rebuilt_error"), most=MOST_ERROR)
    for name, path in TRUE_REASONS.items():
        value: Any = figures_of_all
        for part in path:
            value = value.get(part)
        # Null where there was nothing to try: no counterfactual was found.
        if value is not None:
            yield _bounded(name, value, least=1)


def _bounded(metric: str, value: float | None, least: float | None = None, most: float | None = None) -> Check:
    found = finite(value)
    passed = found is not None and (least is None or found >= least) and (most is None or found <= most)
    return Check(metric, found, None, passed, least, most)


def _told(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}" if abs(value) >= 0.0001 or not value else f"{value:.1e}"


def _hash(info: ReleaseInfo) -> Mapping[str, Any] | None:
    return info.extra.get("dataset_hash")
