"""The paper's tables, held against what its own text says of them, and against what no table may break."""

import pytest

from training.reports import published
from training.reports.published import NAMES, published_for

DATASETS = ("ml1m", "dbbook2014")
RECOMMENDERS = {
    "fm",
    "bprmf",
    "cfkg",
    "cke",
    "cofm-share",
    "cofm-reg",
    "tup-hard",
    "tup-soft",
    "ktup-hard",
    "ktup-soft",
}
COMPLETERS = {"transe", "transh", "transr", "cfkg", "cke", "cofm-share", "cofm-reg", "ktup-hard", "ktup-soft"}


def test_each_table_has_the_systems_of_the_paper() -> None:
    for name in DATASETS:
        assert set(published.TABLE_2[name]) == RECOMMENDERS
        assert set(published.TABLE_4[name]) == COMPLETERS
    for table in (published.TABLE_3_HEADS, published.TABLE_3_TAILS):
        assert list(table) == ["ml1m"]
        assert set(table["ml1m"]) == COMPLETERS
    assert set(NAMES) == RECOMMENDERS | COMPLETERS


def test_gains_are_those_that_the_text_states() -> None:
    # 6.4.2: "11.06% v.s. 4.43% gains in F1" of KTUP over TUP on DBbook and MovieLens.
    for name, tup, gain in (("dbbook2014", "tup-soft", 11.06), ("ml1m", "tup-hard", 4.43)):
        ours, theirs = (published.TABLE_2[name][system][2] for system in ("ktup-soft", tup))
        assert 100 * (ours / theirs - 1) == pytest.approx(gain, abs=0.01)
    # 6.5.2: "2.67% v.s. 1.15%" in hit ratio over TransH.
    for name, gain in (("ml1m", 2.67), ("dbbook2014", 1.15)):
        ours, theirs = (published.TABLE_4[name][system][0] for system in ("ktup-soft", "transh"))
        assert 100 * (ours / theirs - 1) == pytest.approx(gain, abs=0.01)


@pytest.mark.parametrize("name", DATASETS)
def test_no_row_of_table_2_is_impossible(name: str) -> None:
    for system, (precision, recall, f1, hit, ndcg) in published.TABLE_2[name].items():
        # The harmonic mean is concave: the mean of F1 is at most the F1 of the means; and a list with a hit is a hit.
        assert f1 <= 2 * precision * recall / (precision + recall), system
        assert max(recall, ndcg) <= hit, system


def test_cells_are_those_of_the_paper() -> None:
    ml1m, dbbook = (published_for(name) for name in DATASETS)
    assert ml1m.recommendation["cke"] == (38.67, 16.65, 18.94, 88.36, 67.05)
    assert ml1m.recommendation["ktup-soft"] == (41.03, 17.25, 19.82, 89.03, 69.92)
    assert dbbook.recommendation["fm"] == (3.44, 21.55, 5.75, 30.15, 20.10)
    assert dbbook.recommendation["ktup-soft"] == (4.05, 24.51, 6.73, 34.61, 27.62)
    assert ml1m.heads["ktup-soft"] == (75.00, 56.76, 67.16, 26.09)
    assert ml1m.tails["ktup-soft"] == (63.46, 81.08, 78.34, 47.65)
    assert ml1m.tails["cofm-reg"] == (48.08, 86.49, 80.72, 45.79)
    assert ml1m.completion["cofm-reg"] == (46.51, 506)
    assert dbbook.completion["ktup-soft"] == (60.75, 499)
    assert dbbook.correlation == {"ktup-soft": 0.97, "cofm-share": 0.81, "cfkg": 0.97, "cke": 0.94}
    assert (dbbook.heads, ml1m.correlation) == ({}, {})


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("MovieLens-1M", "MovieLens-1m"),
        ("ml-1m", "MovieLens-1m"),
        ("DBbook2014", "DBbook2014"),
        ("ml100k", ""),
        ("", ""),
    ],
)
def test_a_data_set_is_known_by_its_name(name: str, title: str) -> None:
    assert published_for(name).title == title
