"""Cases C52 and C53: splits."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.splits import part_sizes, per_user_random, random_triples


def users(*rows_of: int) -> pl.DataFrame:
    ids = [f"u{user}" for user, rows in enumerate(rows_of) for _ in range(rows)]
    return pl.DataFrame({"user_id": ids, "item_id": [str(place) for place in range(len(ids))]})


@pytest.mark.parametrize(
    ("rows", "train", "valid", "test"),
    [
        (0, 0, 0, 0),
        (1, 1, 0, 0),
        (2, 1, 0, 1),
        (3, 2, 0, 1),
        (4, 3, 0, 1),
        (5, 3, 1, 1),
        (10, 7, 1, 2),
        (100, 70, 10, 20),
    ],
)
def test_c53_parts_are_seven_one_two_with_train_first(rows: int, train: int, valid: int, test: int) -> None:
    assert [int(part[0]) for part in part_sizes(np.array([rows]))] == [train, valid, test]


@settings(max_examples=50)
@given(st.lists(st.integers(1, 30), max_size=8), st.integers(0, 2**32 - 1))
def test_c53_every_user_has_a_training_row_and_the_sizes_of_the_parts(rows_of: list[int], seed: int) -> None:
    table = users(*rows_of)
    dealt = table.with_columns(per_user_random(table, seed))
    for user, rows in enumerate(rows_of):
        counts = Counter(dealt.filter(pl.col("user_id") == f"u{user}")["split"])
        expected = [int(part[0]) for part in part_sizes(np.array([rows]))]
        assert [counts[split] for split in ("train", "valid", "test")] == expected
        assert counts["train"] >= 1


def test_a_users_split_depends_on_the_seed_and_on_nothing_else() -> None:
    table = users(50, 50)
    assert per_user_random(table, 7).equals(per_user_random(table, 7))
    assert not per_user_random(table, 7).equals(per_user_random(table, 8))


def test_each_row_of_a_user_can_land_in_the_test() -> None:
    table = users(10)
    tested = {
        place for seed in range(200) for place, split in enumerate(per_user_random(table, seed)) if split == "test"
    }
    assert tested == set(range(10))


def test_triples_are_dealt_seven_one_two() -> None:
    triples = pl.DataFrame({"head": [str(n) for n in range(100)], "relation": "r", "tail": "t"})
    assert Counter(random_triples(triples, 0)) == {"train": 70, "valid": 10, "test": 20}


@settings(max_examples=50)
@given(st.lists(st.sampled_from("abcdefgh"), max_size=40), st.integers(0, 2**32 - 1))
def test_the_rows_of_a_repeated_triple_never_straddle(heads: list[str], seed: int) -> None:
    triples = pl.DataFrame({"head": heads, "relation": "r", "tail": "t"}, schema_overrides={"head": pl.String})
    dealt = triples.with_columns(random_triples(triples, seed))
    assert dealt.select("head", "split").unique().height == len(set(heads))
