"""Top N through the index, held against brute force."""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
import torch

from models.interface import Sizes
from models.registry import build, config_from
from models.retrieval.index import IndexShape, PreferenceIndex, UnusableIndex
from models.retrieval.search import Searcher

N_ITEMS = 400
NOBODY = np.empty(0, dtype=np.int64)


def make(strategy: str, norm: str, name: str = "ktup", n_items: int = N_ITEMS, **settings: Any) -> Any:
    generator = torch.Generator().manual_seed(4)
    alignment = torch.randint(-1, 60, (n_items,), generator=generator)
    config = config_from(name, {"embedding_size": 8, "strategy": strategy, "norm": norm, **settings})
    return build(name, config, Sizes(40, n_items, 60, 5, alignment), generator).double()


def searcher(model: Any, nominate: int = 30) -> Searcher:
    return Searcher(model, PreferenceIndex.build(model, "hash"), nominate)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize(("name", "settings"), [("ktup", {}), ("ktup", {"combine": "mean"}), ("tup", {})])
def test_hard_search_equals_brute_force_for_every_user(norm: str, name: str, settings: dict[str, Any]) -> None:
    found = searcher(make("hard", norm, name, **settings))
    for user in range(40):
        seen = np.arange(user, N_ITEMS, 7)
        exact, searched = found.brute_force(user, 10, seen), found.search(user, 10, seen)
        assert searched.rows.tolist() == exact.rows.tolist()
        assert searched.scores.tolist() == exact.scores.tolist()


def test_hard_search_asks_for_far_fewer_items_than_there_are() -> None:
    model = make("hard", "l2", n_items=4000)
    index = PreferenceIndex.build(model, "hash")
    asked = []

    class Counting(PreferenceIndex):
        def search(self, queries: Any, n: int) -> Any:
            asked.append(n)
            return super().search(queries, n)

    counting = Counting(index._indexes, index.shape)
    for user in range(40):
        Searcher(model, counting, 0).search(user, 10, NOBODY)
    assert np.mean(asked) < 1000


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_soft_search_rescores_with_the_model_and_finds_all_when_all_are_nominated(norm: str) -> None:
    model = make("soft", norm)
    every = searcher(model, N_ITEMS)
    few = searcher(model, 50)
    for user in range(10):
        exact = every.brute_force(user, 10, NOBODY)
        assert every.search(user, 10, NOBODY).rows.tolist() == exact.rows.tolist()
        some = few.search(user, 10, NOBODY)
        literal = model.score_pairs(torch.full((10,), user), torch.from_numpy(some.rows))
        assert some.scores.tolist() == pytest.approx(literal.tolist(), abs=1e-12)
        assert (np.diff(some.scores) <= 0).all()


@pytest.mark.parametrize("strategy", ["soft", "hard"])
def test_the_list_is_as_long_as_asked_or_exhausted_and_never_holds_an_excluded_item(strategy: str) -> None:
    found = searcher(make(strategy, "l2", n_items=10), nominate=3)
    excluded = np.array([0, 1, 2, 3, 4, 5, 6, 9])
    assert sorted(found.search(0, 5, excluded).rows.tolist()) == [7, 8]
    assert found.search(0, 5, np.arange(10)).rows.tolist() == []
    assert len(found.search(0, 100, NOBODY).rows) == 10


@pytest.mark.parametrize("strategy", ["soft", "hard"])
def test_an_item_whose_score_is_no_number_is_left_out(strategy: str) -> None:
    model = make(strategy, "l2")
    found = searcher(model, N_ITEMS)
    best = int(found.search(3, 1, NOBODY).rows[0])
    with torch.no_grad():
        model.items[best] = float("nan")
    rows = found.brute_force(3, N_ITEMS, NOBODY).rows
    assert best not in rows
    assert len(rows) == N_ITEMS - 1


def test_equal_scores_keep_the_order_of_the_vocabulary() -> None:
    model = make("soft", "l2")
    with torch.no_grad():
        model.alignment[:] = -1
        model.items[:] = model.items[0]
    assert searcher(model, 20).brute_force(0, 5, np.array([1])).rows.tolist() == [0, 2, 3, 4, 5]


def test_an_index_survives_its_files(tmp_path: Path) -> None:
    model = make("hard", "l1")
    index = PreferenceIndex.build(model, "hash")
    index.save(tmp_path / "index")
    again = PreferenceIndex.load(tmp_path / "index", IndexShape.of(model, "hash"))
    queries = np.ones((5, 8), dtype=np.float32)
    (distances, rows), (distances_again, rows_again) = index.search(queries, 7), again.search(queries, 7)
    assert np.array_equal(distances, distances_again)
    assert np.array_equal(rows, rows_again)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"embedding_size": 9}, "embedding_size"),
        ({"n_items": 5}, "n_items"),
        ({"n_preferences": 4}, "n_preferences"),
        ({"norm": "l2"}, "norm"),
        ({"items_hash": "other"}, "items_hash"),
    ],
)
def test_c84_an_index_of_another_model_is_refused_by_what_differs(
    tmp_path: Path, changed: dict[str, Any], named: str
) -> None:
    model = make("hard", "l1")
    PreferenceIndex.build(model, "hash").save(tmp_path / "index")
    expected = IndexShape(**{**vars(IndexShape.of(model, "hash")), **changed})
    with pytest.raises(UnusableIndex, match=named):
        PreferenceIndex.load(tmp_path / "index", expected)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 123\n"


@pytest.mark.parametrize("content", [b"", b"IxFl", POINTER])
def test_c85_a_file_that_is_no_index_says_which_and_what_to_do(tmp_path: Path, content: bytes) -> None:
    model = make("hard", "l2")
    PreferenceIndex.build(model, "hash").save(tmp_path / "index")
    (tmp_path / "index" / "preference-0002.faiss").write_bytes(content)
    with pytest.raises(UnusableIndex, match=r"preference-0002\.faiss.*build it again"):
        PreferenceIndex.load(tmp_path / "index", IndexShape.of(model, "hash"))


def test_an_index_with_other_contents_than_described_is_refused(tmp_path: Path) -> None:
    model = make("hard", "l2")
    PreferenceIndex.build(model, "hash").save(tmp_path / "index")
    faiss.write_index(faiss.IndexFlat(8, faiss.METRIC_L2), str(tmp_path / "index" / "preference-0001.faiss"))
    with pytest.raises(UnusableIndex, match="preference-0001"):
        PreferenceIndex.load(tmp_path / "index", IndexShape.of(model, "hash"))
