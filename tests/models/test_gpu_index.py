"""Flat indexes on a GPU: the same results, one search at a time, and the CPU where there is no GPU."""

import threading
import time
from typing import Any

import faiss
import numpy as np
import pytest

from models.retrieval import gpu

HAS_GPU = gpu.n_gpus() > 0


def _index() -> Any:
    index = faiss.IndexFlatL2(4)
    index.add(np.random.default_rng(0).normal(size=(5000, 4)).astype(np.float32))
    return index


QUERIES = np.ones((3, 4), dtype=np.float32)


class Copied:
    """Stands for an index on a GPU, and notes how many threads are in it at once."""

    def __init__(self, index: Any) -> None:
        self.index, self.inside, self.most, self.calls = index, 0, 0, 0

    def search(self, queries: Any, n: int) -> Any:
        self.calls += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        time.sleep(0.005)
        found = self.index.search(queries, n)
        self.inside -= 1
        return found


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[Copied]:
    """A FAISS that says it has a GPU, and what was copied to it."""
    made: list[Copied] = []

    def copy(resources: Any, device: int, index: Any) -> Copied:
        made.append(Copied(index))
        return made[-1]

    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)
    monkeypatch.setattr(faiss, "index_cpu_to_gpu", copy, raising=False)
    return made


def test_one_thread_at_a_time_searches_a_gpu(copies: list[Copied]) -> None:
    search = gpu.searched_where_fastest([_index()])
    threads = [threading.Thread(target=search, args=(0, QUERIES, 5)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (copies[0].calls, copies[0].most) == (8, 1)


def test_the_lock_is_given_back_when_a_search_fails(copies: list[Copied], monkeypatch: pytest.MonkeyPatch) -> None:
    search, whole = gpu.searched_where_fastest([_index()]), copies[0].index
    copies[0].index = None
    with pytest.raises(AttributeError):
        search(0, QUERIES, 5)
    copies[0].index = whole
    assert search(0, QUERIES, 5)[1].shape == (3, 5)


def test_more_neighbours_than_a_gpu_gives_come_from_the_cpu(copies: list[Copied]) -> None:
    search = gpu.searched_where_fastest([_index()])
    assert search(0, QUERIES, gpu.MOST + 1)[1].shape == (3, gpu.MOST + 1)
    assert copies[0].calls == 0
    assert search(0, QUERIES, gpu.MOST)[1].shape == (3, gpu.MOST)
    assert copies[0].calls == 1


@pytest.mark.parametrize("missing", ["no GPU", "no support"])
def test_without_a_gpu_nothing_is_copied(missing: str, copies: list[Copied], monkeypatch: pytest.MonkeyPatch) -> None:
    if missing == "no GPU":
        monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0)
    else:
        monkeypatch.delattr(faiss, "StandardGpuResources")
    index = _index()
    _, rows = gpu.searched_where_fastest([index])(0, QUERIES, 5)
    assert copies == []
    assert np.array_equal(rows, index.search(QUERIES, 5)[1])


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_GPU, reason="this FAISS has no GPU")
@pytest.mark.parametrize("metric", [faiss.METRIC_L1, faiss.METRIC_L2])
def test_a_gpu_finds_what_the_cpu_finds(metric: int) -> None:
    index = faiss.IndexFlat(16, metric)
    index.add(np.random.default_rng(0).normal(size=(5000, 16)).astype(np.float32))
    queries = np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32)
    distances, rows = gpu.searched_where_fastest([index])(0, queries, 20)
    expected, expected_rows = index.search(queries, 20)
    np.testing.assert_allclose(distances, expected, rtol=1e-4, atol=1e-4)
    assert (rows == expected_rows).mean() > 0.99
