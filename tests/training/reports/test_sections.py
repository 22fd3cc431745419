"""Tables: ours and the paper's side by side, missing systems left empty, better and worse told by the shown figures."""

from typing import Any

import pytest

from tests.training.reports import made
from training.reports.baselines import Baselines
from training.reports.published import NOTHING, Published, published_for
from training.reports.sections.alone import alone_section
from training.reports.sections.runs import runs_section
from training.reports.sections.strict import strict_table
from training.reports.sections.tables import category_table, completion_table, recommendation_table

DBBOOK, ML1M = published_for("dbbook2014"), published_for("ml1m")


def test_a_cell_is_mean_and_spread_over_the_seeds_with_the_paper_beside() -> None:
    runs = [made.result("bprmf", seed, made.lists(f1)) for seed, f1 in ((0, 0.058), (1, 0.060), (2, 0.062))]
    found = made.cells(recommendation_table(made.results(*runs), DBBOOK), "BPRMF")
    assert found[1] == "0, 1, 2"
    assert found[6:8] == ["6.00 ± 0.20", "*5.96*"]


def test_one_seed_has_no_spread_in_its_cell() -> None:
    table = recommendation_table(made.results(made.result("bprmf", 4, made.lists(0.06))), DBBOOK)
    assert made.cells(table, "BPRMF")[1:4] == ["4", "6.00", "*3.56*"]


def test_a_missing_system_is_an_empty_cell_with_a_note() -> None:
    runs = [made.result(name, 0, made.lists(0.06)) for name in ("fm", "bprmf", "cfkg", "cke", "cofm-share", "cofm-reg")]
    table = recommendation_table(made.results(*runs, made.result("transe", 0, None, made.facts(0.5))), DBBOOK)
    assert made.cells(table, "KTUP (soft)")[1:6] == ["", "", "*4.05*", "", "*24.51*"]
    assert "Empty cells: this suite has no result of TUP (hard), TUP (soft), KTUP (hard) and KTUP (soft)." in table
    assert "TransE" not in table
    assert "KTUP (soft)**, ours against" not in table


def test_better_and_worse_are_told_by_metric() -> None:
    metrics = made.lists(0.0606, precision=0.0356, recall=0.2, hit=0.4, ndcg=0.2101)
    table = recommendation_table(made.results(made.result("bprmf", 0, metrics)), DBBOOK)
    line = next(line for line in table.splitlines() if line.startswith("- **BPRMF**"))
    assert line == (
        "- **BPRMF**, ours against the paper's: better in F1 +0.10, Hit +8.74; worse in Recall −2.46; "
        "equal in Precision, NDCG."
    )


def test_of_the_mean_rank_less_is_better() -> None:
    table = completion_table(made.results(made.result("transh", 0, None, made.facts(0.6106, 550.0))), DBBOOK)
    assert made.cells(table, "TransH") == ["TransH", "0", "61.06", "*60.06*", "550.0", "*556*", "25.00"]
    assert "- **TransH**, ours against the paper's: better in Hits@10 +1.00, Mean rank −6.0." in table


def test_a_data_set_that_the_paper_has_not_gets_no_column_of_the_paper() -> None:
    table = recommendation_table(made.results(made.result("bprmf", 0, made.lists(0.06))), NOTHING)
    assert table.splitlines()[0] == "| System | Seeds | Precision | Recall | F1 | Hit | NDCG |"
    assert "against the paper" not in table


CATEGORIES = {
    "1-1": {"head": made.facts(0.75), "tail": made.facts(0.5)},
    "N-N": {"head": made.facts(0.25), "tail": made.facts(0.6)},
}


@pytest.mark.parametrize(("side", "first", "last"), [("head", "75.00", "25.00"), ("tail", "50.00", "60.00")])
def test_table_3_has_a_column_for_each_category_and_a_half_for_each_side(side: str, first: str, last: str) -> None:
    runs = made.results(made.result("ktup-soft", 0, None, made.facts(0.5), CATEGORIES))
    table = category_table(runs, ML1M, "head" if side == "head" else "tail")
    paper = (
        ("*75.00*", "*56.76*", "*67.16*", "*26.09*") if side == "head" else ("*63.46*", "*81.08*", "*78.34*", "*47.65*")
    )
    found = made.cells(table, "KTUP (soft)")[2:]
    assert found == [first, paper[0], "", paper[1], "", paper[2], last, paper[3]]


def test_without_any_recommender_there_is_no_table_but_a_sentence() -> None:
    table = recommendation_table(made.results(made.result("transe", 0, None, made.facts(0.5))), NOTHING)
    assert table == "The systems of this suite recommend nothing."


def test_a_system_that_the_paper_has_not_stands_below_the_others() -> None:
    runs = made.results(made.result("ease", 0, made.lists(0.06)), made.result("bprmf", 0, made.lists(0.06)))
    rows = [line.split("|")[1].strip() for line in recommendation_table(runs, DBBOOK).splitlines() if line[:2] == "| "]
    assert rows[-1] == "ease"
    assert made.cells(recommendation_table(runs, DBBOOK), "ease")[3] == ""


def halves(*values: tuple[str, int, float, float]) -> str:
    runs = [
        made.result(system, seed, made.lists(f1), made.facts(hits, 1000 * (1 - hits), hits))
        for system, seed, f1, hits in values
    ]
    return alone_section(made.results(*runs))


def test_ktup_that_is_better_with_every_seed_is_told_so() -> None:
    found = halves(
        ("ktup-soft", 0, 0.3, 0.5), ("ktup-soft", 1, 0.4, 0.5), ("tup-soft", 0, 0.2, 0), ("tup-soft", 1, 0.3, 0)
    )
    assert (
        "KTUP (soft) against TUP (soft) alone on recommendation: **better on every metric with every seed** (2 seeds)"
        in found
    )
    assert "| KTUP (soft) − TUP (soft) | F1 | +10.00 ± 0.00 | 2 of 2 |" in found


def test_where_ktup_is_not_better_is_told_with_the_number_of_seeds() -> None:
    found = halves(("ktup-soft", 0, 0.3, 0.4), ("ktup-soft", 1, 0.3, 0.6), ("transh", 0, 0, 0.5), ("transh", 1, 0, 0.5))
    told = "Hits@10 (better in 1 of 2), Mean rank (better in 1 of 2) and MRR (better in 1 of 2)"
    assert (
        f"KTUP (soft) against TransH alone on completion: **not better with every seed on {told}** (2 seeds)." in found
    )
    assert "| KTUP (soft) − TransH | Mean rank (less is better) | 0.0 ± 141.4 | 1 of 2 |" in found


def test_metrics_that_win_are_told_apart_from_those_that_do_not() -> None:
    joint = made.result("ktup-soft", 0, made.lists(0.3, ndcg=0.1))
    found = alone_section(made.results(joint, made.result("tup-soft", 0, made.lists(0.2))))
    told = "**not better with every seed on NDCG (better in 0 of 1)**; better on the other metrics with every seed"
    assert f"{told} (1 seed)." in found


def test_without_a_common_seed_nothing_is_claimed() -> None:
    found = halves(("ktup-hard", 0, 0.3, 0.4), ("transh", 1, 0, 0.5))
    assert "KTUP (hard) against TransH alone: no seed has both, so nothing can be said." in found
    assert "| Joint" not in found


def test_every_run_is_listed_with_its_seconds_and_its_machine_once() -> None:
    runs = [made.result("bprmf", seed, made.lists(0.06)) for seed in (0, 1)]
    section = runs_section(made.results(*runs))
    assert section.count("| BPRMF |") == 2
    assert "| BPRMF | 0 | 1 | 2 | 12 | 3 | 1 | 6.00 |  |" in section
    assert section.count("Linux, 2 CPUs, Python 3.11, torch 2.13") == 1
    assert section.count("python -m training train --system bprmf") == 1


def test_what_rounds_to_the_printed_figure_is_equal() -> None:
    paper = Published("x", {}, {}, {}, {}, {"transe": (46.95, 537)}, {})
    table = completion_table(made.results(made.result("transe", 0, None, made.facts(0.4695, 537.04))), paper)
    assert "equal in Hits@10, Mean rank." in table


def baseline(name: str, f1: float, *fitted_on: str) -> dict[str, Any]:
    shares = dict.fromkeys(("precision", "recall", "f1", "hit", "ndcg"), f1)
    return {
        "name": name,
        "fitted_on": fitted_on,
        "settings": {"l2": 50},
        "seconds": 1.25,
        "valid": None,
        "test": shares,
    }


def test_ktup_is_held_against_each_baseline_that_saw_train_alone() -> None:
    rows = [
        baseline("Popular", 0.1, "train"),
        baseline("EASE (both)", 0.9, "train", "valid"),
        baseline("EASE", 0.3, "train"),
    ]
    data = {"name": "dbbook2014", "content_hash": made.HASH}
    outside = Baselines.model_validate(
        {"data": data, "protocol": "strict", "split": "test", "top_n": 10, "command": "make it", "rows": rows}
    )
    runs = [made.result("ktup-soft", seed, made.lists(f1, ndcg=0.2)) for seed, f1 in ((0, 0.3), (1, 0.34))]
    table = strict_table(made.results(*runs), outside)
    assert made.cells(table, "KTUP (soft)")[1:4] == ["0, 1", "**32.00 ± 2.83**", "**32.00 ± 2.83**"]
    assert made.cells(table, "EASE") == ["EASE", "", "30.00", "30.00", "30.00", "30.00", "**30.00**"]
    assert made.cells(table, "EASE (both)")[2] == "90.00"
    told = "Precision +2.00, Recall +2.00, F1 +2.00, Hit +2.00, NDCG −10.00; above on 4 of 5."
    assert f"- **KTUP (soft)** minus EASE: {told}" in table
    assert "- **KTUP (soft)** minus Popular: " in table
    assert "minus EASE (both)" not in table
    assert "No result of KTUP (hard) in this suite." in table
    assert "Popular: l2 50 (1.2 s); EASE (both): l2 50 (1.2 s)" in table
    assert "Baselines measured by `make it`." in table
