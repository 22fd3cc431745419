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


def test_it_is_told_whether_both_learnt_from_the_same_splits() -> None:
    def learnt(refit: str | None) -> ReleaseInfo:
        return replace(release(0.5), extra={"dataset_hash": "d", "refit": refit})

    assert judge(learnt("all"), learnt("all"), 0).same_splits is True
    assert judge(learnt(None), release(0.5), 0).same_splits is True  # releases of before it was kept say nothing
    assert judge(learnt(None), learnt("all"), 0).same_splits is False
    assert judge(learnt("all"), learnt("interactions"), 0).same_splits is False
    assert judge(learnt("all"), None, 0).same_splits is None


def indexed(recall: Any, **audit: Any) -> ReleaseInfo:
    """A good release whose index finds so much, with what its audit found."""
    return replace(release(0.5), extra={"dataset_hash": "d", "index": {"recall": recall}, **audit})


def audit(**changes: Any) -> dict[str, Any]:
    true = {"pairs": 20, "stable": 1.0, "rebuilt_error": 1e-12, "evidence": {"all_stored": 1.0}}
    return {"audit": {"all": {**true, "counterfactual": {"verified": 1.0}, **changes}}}


@pytest.mark.parametrize(
    ("recall", "passed"), [(1.0, True), (0.95, True), (0.9499, False), (float("nan"), False), (None, False)]
)
def test_c90_an_index_that_misses_candidates_does_not_take_over(recall: Any, passed: bool) -> None:
    assert judge(indexed(recall), release(0.5), 0.05).passed is passed


def test_what_an_index_misses_is_told_beside_its_bound() -> None:
    assert judge(indexed(0.5), None, 0).reason == "not activated: index.recall 0.5000 (at least: 0.9500)"


@pytest.mark.parametrize(
    ("found", "named"),
    [
        ({"stable": 0.95}, "audit.stable 0.9500 (at least: 1.0000)"),
        ({"rebuilt_error": 0.5}, "audit.rebuilt_error 0.5000 (at most: 1.0e-06)"),
        ({"rebuilt_error": float("nan")}, "audit.rebuilt_error none (at most: 1.0e-06)"),
        ({"evidence": {"all_stored": 0.5}}, "audit.all_stored 0.5000 (at least: 1.0000)"),
        ({"counterfactual": {"verified": 0.0}}, "audit.verified 0.0000 (at least: 1.0000)"),
        ({"pairs": 0}, "audit.pairs 0.0000 (at least: 1.0000)"),
    ],
)
def test_one_untrue_reason_is_enough_not_to_take_over(found: dict[str, Any], named: str) -> None:
    verdict = judge(indexed(1.0, **audit(**found)), None, 0, audited=True)
    assert verdict.reason == f"not activated: {named}"


def test_true_reasons_pass_and_where_no_counterfactual_was_found_none_can_be_false() -> None:
    assert judge(indexed(1.0, **audit()), None, 0, audited=True).passed
    assert judge(indexed(1.0, **audit(counterfactual={"verified": None})), None, 0, audited=True).passed


def test_where_an_audit_is_asked_for_a_release_without_one_does_not_take_over() -> None:
    assert judge(indexed(1.0), None, 0).passed
    assert judge(indexed(1.0), None, 0, audited=True).reason == "not activated: audit.pairs none (at least: 1.0000)"
