"""Codes of items in an inverted file: where they look, what they hold in memory, and what they refuse."""

import sys
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.interface import Sizes
from models.preferences import PreferenceSpace
from models.registry import build, config_from
from models.retrieval import ivfpq
from models.retrieval.carried import Sample
from models.retrieval.items import Users
from models.retrieval.ivfpq import ItemCodes
from models.retrieval.nominations import IndexShape, UnreadableIndex, UnusableIndex
from models.retrieval.search import Searcher

NOBODY = np.empty(0, dtype=np.int64)


def make(n_items: int, size: int = 8) -> Any:
    generator = torch.Generator().manual_seed(4)
    config = config_from("ktup", {"embedding_size": size, "strategy": "soft", "norm": "l2", "combine": "mean"})
    alignment = torch.randint(-1, 60, (n_items,), generator=generator)
    return build("ktup", config, Sizes(40, n_items, 60, 5, alignment), generator).double()


def test_a_user_is_carried_by_the_mean_of_what_sampled_items_induce() -> None:
    preferences, normals = torch.tensor([[4.0, 0.0], [0.0, 8.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    space = PreferenceSpace(preferences, normals, "hard", "l2", 1.0)
    user = torch.tensor([[1.0, 2.0]])
    users = Users(user, user @ preferences.T, user @ normals.T, space)
    # P u = (4, 16). With P i = (20, 0) the first preference is induced, with (0, 0) the second, four times in all
    # three against one: a = (1/4, 3/4). p = (1, 6); w = (3/4, 1/4); w.u = 3/4 + 2/4 = 5/4.
    # q = u - 5/4 w + p = (1 - 15/16 + 1, 2 - 5/16 + 6) = (17/16, 123/16)
    sample = Sample(torch.tensor([[20.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    assert sample.queries(users).tolist() == [[17 / 16, 123 / 16]]


def test_the_first_ten_are_found_from_a_part_of_the_items_and_scored_by_the_model() -> None:
    model = make(6000, 16)
    found = Searcher(model, ItemCodes.build(model, "hash"), 300)
    shares = []
    for user in range(40):
        seen = np.arange(user, 6000, 5)
        best, exact = found.search(user, 10, seen), found.brute_force(user, 10, seen)
        assert not np.isin(best.rows, seen).any()
        assert best.scores.tolist() == sorted(best.scores.tolist(), reverse=True)
        both, here, there = np.intersect1d(best.rows, exact.rows, return_indices=True)
        assert best.scores[here] == pytest.approx(exact.scores[there], abs=1e-12)
        shares.append(len(both) / 10)
    assert np.mean(shares) >= 0.99


@pytest.mark.parametrize("size", [7, 8, 30])
def test_a_dimension_of_any_size_is_coded(size: int) -> None:
    model = make(400, size)
    found = Searcher(model, ItemCodes.build(model, "hash"), 400)
    assert found.search(3, 10, NOBODY).rows.tolist() == found.brute_force(3, 10, NOBODY).rows.tolist()


def test_building_never_asks_for_more_vectors_than_it_learns_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ivfpq, "BATCH", 100)
    monkeypatch.setattr(ivfpq, "LEAST_TRAINED_ON", 300)
    monkeypatch.setattr(ivfpq, "TRAINED_ON", 5)
    model, asked = make(2000), list[int]()
    vectors = model.item_vectors

    def counted(rows: torch.Tensor | None = None) -> torch.Tensor:
        asked.append(2000 if rows is None else len(rows))
        return torch.as_tensor(vectors(rows))

    monkeypatch.setattr(model, "item_vectors", counted)
    index = ItemCodes.build(model, "hash")
    # 300 to learn from, then 20 batches of 100, then the sample of 512.
    assert (asked, index.index.ntotal) == ([300, *[100] * 20, 512], 2000)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_codes_are_mapped_from_their_file_and_no_table_is_made_for_a_process(tmp_path: Path) -> None:
    model = make(2000)
    ItemCodes.build(model, "hash").save(tmp_path)
    index = ItemCodes.load(tmp_path, IndexShape.of(model, "hash"))
    assert str(tmp_path / "codes.faiss") in Path("/proc/self/maps").read_text()
    assert index.index.use_precomputed_table == 0 or index.index.precomputed_table.size() == 0
    assert len(Searcher(model, index, 100).search(0, 10, NOBODY).rows) == 10


def test_codes_of_another_model_and_files_that_are_no_codes_are_refused(tmp_path: Path) -> None:
    model = make(500)
    ItemCodes.build(model, "hash").save(tmp_path)
    with pytest.raises(UnusableIndex, match=r"codes\.faiss holds .*500, 8.*expected .*501, 8"):
        ItemCodes.load(tmp_path, IndexShape.of(make(501), "hash"))
    save_file({"other": torch.zeros(3)}, tmp_path / "sample.safetensors")
    with pytest.raises(UnreadableIndex, match=r"sample\.safetensors cannot be read .*logits"):
        ItemCodes.load(tmp_path, IndexShape.of(model, "hash"))
    save_file({"logits": torch.zeros(3, 5)}, tmp_path / "sample.safetensors")
    faiss.write_index(faiss.IndexFlatL2(8), str(tmp_path / "codes.faiss"))
    with pytest.raises(UnusableIndex, match="IndexFlat"):
        ItemCodes.load(tmp_path, IndexShape.of(model, "hash"))
