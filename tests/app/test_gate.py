"""Whether a release may take over: worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest

from app.ports import ReleaseInfo
from app.worker.gate import judge
from tests.app import world


def release(f1: float | None = None, hits: float | None = None, data: str | None = "d", **more: Any) -> ReleaseInfo:
    metrics: dict[str, Any] = {"recommendation": {"f1": f1} if f1 is not None else {}, **more}
    metrics |= {"completion": {"hits": hits}} if hits is not None else {}
    return replace(world.release("r").info, metrics=metrics, extra={"dataset_hash": data})


@pytest.mark.parametrize(
    ("new", "active", "passed"),
    [
        (0.20, 0.20, True),
        (0.19, 0.20, True),
        (0.1899, 0.20, False),
        (0.30, 0.20, True),
        (float("nan"), 0.20, False),
        (float("inf"), 0.20, False),
        (0.0, float("nan"), True),
    ],
)
def test_a_figure_may_fall_by_the_margin_and_no_further(new: float, active: float, passed: bool) -> None:
    assert judge(release(new), release(active), max_drop=0.05).passed is passed


def test_one_bad_figure_is_enough_and_is_named() -> None:
    verdict = judge(release(0.5, 0.1), release(0.2, 0.3), 0.05)
    assert not verdict.passed
    assert verdict.reason == "not activated: completion.hits 0.1000 (active: 0.3000)"


def test_a_figure_that_the_active_release_has_must_be_there() -> None:
    assert not judge(release(0.5), release(0.2, 0.3), 1.0).passed
    assert judge(release(0.5, 0.1), release(0.2), 0.0).passed


def test_without_an_active_release_finite_figures_are_enough_and_none_are_not() -> None:
    assert judge(release(0.01), None, 0.0).passed
    assert not judge(release(float("nan")), None, 0.0).passed
    nothing = judge(release(), None, 0.0)
    assert (nothing.passed, nothing.reason) == (False, "not activated: nothing was measured")


def test_it_is_told_whether_the_rows_were_the_same() -> None:
    assert judge(release(0.5), release(0.5, data="d"), 0).same_data is True
    assert judge(release(0.5), release(0.5, data="other"), 0).same_data is False
    assert judge(release(0.5, data=None), release(0.5, data=None), 0).same_data is False
    assert judge(release(0.5), None, 0).same_data is None
