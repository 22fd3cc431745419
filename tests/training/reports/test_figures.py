"""Activity groups and training curves: what is drawn, by hand; and that it is drawn."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.training.reports import made
from training.reports.figures.activity import activity_groups, activity_of, activity_table, draw_activity
from training.reports.figures.curves import all_curves, correlation_table, curves_of, draw_curves
from training.reports.figures.style import look_of
from training.reports.published import NAMES, NOTHING, WITHOUT_GRAPH, published_for
from training.reports.results import ReportError, Results
from training.suite.result import RunResult


def assert_drawn(folder: Path, name: str) -> None:
    """A picture of a fair size with something on it, and an SVG that is one."""
    with Image.open(folder / f"{name}.png") as image:
        image.load()
        width, height = image.size
        colours = image.convert("RGB").getcolors(maxcolors=1 << 20)
    assert width >= 1000
    assert height >= 300
    assert colours is not None
    assert len(colours) > 50
    assert max(count for count, _ in colours) < 0.98 * width * height
    root = ElementTree.parse(folder / f"{name}.svg").getroot()
    assert root.tag.endswith("svg")
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 20


def test_groups_are_equal_parts_of_users_and_interactions_together() -> None:
    # 4 users, 10 interactions; weights (1/4 + c/10) / 2 = .175 .225 .275 .325, middles .0875 .2875 .5375 .8375.
    assert activity_groups(np.array([4, 2, 3, 1]), n_groups=4).tolist() == [3, 1, 2, 0]
    # Ten users with 1 and one with 90, who weighs (1/11 + .9) / 2 = .495 although one of eleven.
    assert activity_groups(np.array([1] * 10 + [90]), n_groups=2).tolist() == [0] * 10 + [1]


def test_users_with_equal_numbers_stay_together_and_leave_no_empty_group() -> None:
    assert activity_groups(np.array([5, 5, 5]), n_groups=10).tolist() == [0, 0, 0]
    # Weights of 5: 3 (1/4 + 5/21) / 2 = .732, of 6: .268; middles .366 and .866: fourth and ninth of ten.
    assert activity_groups(np.array([5, 6, 5, 5]), n_groups=10).tolist() == [0, 1, 0, 0]


def test_users_without_interactions_have_a_group() -> None:
    assert activity_groups(np.array([0, 0])).tolist() == [0, 0]
    assert activity_groups(np.array([], dtype=np.int64)).tolist() == []


@given(st.lists(st.integers(0, 300), min_size=1, max_size=80))
def test_groups_follow_the_numbers(counts: list[int]) -> None:
    groups = activity_groups(np.array(counts))
    assert set(groups.tolist()) == set(range(groups.max() + 1))
    assert groups.max() < 10
    for a, group_a in zip(counts, groups, strict=True):
        for b, group_b in zip(counts, groups, strict=True):
            assert (group_a <= group_b) if a <= b else (group_a >= group_b)


def users(*f1: float, names: tuple[str, ...] = ("a", "b", "c")) -> dict[str, list[float] | list[int] | list[str]]:
    return {"users": list(names), "train_interactions": [1, 1, 10], "f1": list(f1)}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Three users, two of the least active; BPRMF with two seeds, KTUP with one."""
    for system, seed, f1 in (
        ("bprmf", 0, (0.0, 0.2, 0.6)),
        ("bprmf", 1, (0.2, 0.0, 0.8)),
        ("ktup-soft", 0, (0.3, 0.5, 0.9)),
    ):
        made.write(tmp_path, made.result(system, seed, made.lists(0.1)), users(*f1))
    made.write(tmp_path, made.result("transe", 0, None, made.facts(0.5)))
    return tmp_path


def results_in(suite: Path) -> Results:
    runs = [made.result("bprmf", seed, made.lists(0.1)) for seed in (0, 1)]
    others = [made.result("ktup-soft", 0, made.lists(0.1)), made.result("transe", 0, None, made.facts(0.5))]
    return made.results(*others, *runs, folder=suite / "tiny")


def test_f1_of_a_group_is_the_mean_over_its_users_and_the_seeds(suite: Path) -> None:
    activity = activity_of(results_in(suite))
    assert activity is not None
    assert activity.users.tolist() == [2, 1]
    assert activity.interactions.tolist() == [1.0, 10.0]
    assert list(activity.f1) == ["bprmf", "ktup-soft"]  # as in the paper; transe recommends nothing
    assert activity.f1["bprmf"] == pytest.approx([10.0, 70.0])  # (0 + .2 + .2 + 0) / 4, (.6 + .8) / 2
    assert activity.f1["ktup-soft"] == pytest.approx([40.0, 90.0])
    assert made.cells(activity_table(activity), "1") == ["1", "2", "1.0", "10.00", "40.00"]


def test_figure_4_is_drawn(suite: Path, tmp_path: Path) -> None:
    activity = activity_of(results_in(suite))
    assert activity is not None
    draw_activity(activity, tmp_path, "figure-4")
    assert_drawn(tmp_path, "figure-4")


def test_results_of_other_users_are_refused(suite: Path) -> None:
    made.write(suite, made.result("fm", 0, made.lists(0.1)), users(0.1, 0.2, 0.3, names=("a", "b", "d")))
    results = results_in(suite)
    mixed = made.results(
        *(run for runs in results.runs.values() for run in runs), made.result("fm", 0, made.lists(0.1))
    )
    with pytest.raises(ReportError, match="its test users are not those of the other results"):
        activity_of(Results(suite / "tiny", "tiny", "paper", 10, mixed.runs))


def test_without_recommenders_there_is_no_figure_4(suite: Path) -> None:
    assert activity_of(made.results(made.result("transe", 0, None, made.facts(0.5)), folder=suite / "tiny")) is None


def test_lines_without_a_graph_are_dashed_and_all_lines_differ() -> None:
    recommenders = [name for name in NAMES if not name.startswith("trans")]
    assert {name for name in recommenders if look_of(name).dashed} == WITHOUT_GRAPH
    looks = {(look.colour, look.marker, look.filled) for look in map(look_of, recommenders)}
    assert len(looks) == len(recommenders)


def joint(system: str, seed: int, *history: tuple[float, float]) -> RunResult:
    return made.result(system, seed, made.lists(0.1), made.facts(0.5), history=history)


def test_rho_is_that_of_the_validated_epochs() -> None:
    run = joint("ktup-soft", 0, (0.01, 0.2), (0.02, 0.2), (0.03, 0.3), (0.04, 0.5))
    silent = made.result("ktup-soft", 0, history=()).history
    curves = curves_of(run.model_copy(update={"history": ({"epoch": 0, "seconds": 1.0}, *run.history, *silent)}))
    assert curves is not None
    assert curves.epochs.tolist() == [1, 2, 3, 4]
    assert curves.rho == pytest.approx(5 / np.sqrt(30))  # as in test_statistics


def test_a_run_of_one_task_has_no_curves() -> None:
    history = ({"epoch": 1, "seconds": 1.0, "valid": {"hits": 0.3, "mrr": 0.2}},)
    assert curves_of(made.result("transe", 0, None, made.facts(0.5)).model_copy(update={"history": history})) is None


def test_rho_stands_beside_that_of_the_paper() -> None:
    runs = [
        joint("cke", 0, (0.1, 0.1), (0.2, 0.2)),
        joint("cke", 1, (0.1, 0.2), (0.2, 0.1)),
        joint("cfkg", 0, (0.1, 0.1)),
    ]
    curves = all_curves(made.results(*runs))
    table = correlation_table(curves, published_for("dbbook2014"))
    assert made.cells(table, "CKE") == ["CKE", "0, 1", "0.00 ± 1.41", "*0.94*"]  # 1 and -1
    assert made.cells(table, "CFKG") == ["CFKG", "", "", "*0.97*"]  # one epoch has no correlation
    assert made.cells(table, "KTUP (soft)") == ["KTUP (soft)", "", "", "*0.97*"]
    assert correlation_table(curves, NOTHING).splitlines()[0] == "| System | Seeds | rho |"


def test_figure_5_is_drawn_with_missing_and_flat_systems(tmp_path: Path) -> None:
    runs = [joint("ktup-soft", 0, (0.1, 0.1), (0.2, 0.15), (0.25, 0.3)), joint("cke", 0, (0.1, 0.2), (0.1, 0.3))]
    draw_curves(all_curves(made.results(*runs)), tmp_path, "figure-5")
    assert_drawn(tmp_path, "figure-5")
