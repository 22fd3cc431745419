"""Negatives: never a known positive, in bounded time, and with no knowledge of validation and test where strict."""

import itertools
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from tests.training.planted import CPU, config, rows
from training.data.indexed import IndexedDataset
from training.evaluation.protocol import PAPER, STRICT, Protocol
from training.objectives import RecommendationObjective, objectives_of
from training.sampling.items import collisions, own_negatives, shared_negatives
from training.sampling.membership import KnownFacts, KnownSet
from training.sampling.triples import corrupt, shared_entities
from training.trainer import new_model

TRIPLES = rows((0, 0, 1), (0, 0, 2), (1, 1, 2), (3, 0, 0))


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def everyone(n_users: int, times: int) -> Tensor:
    return torch.arange(n_users).repeat(times)


@pytest.mark.parametrize("bitmap_cells", [0, 1 << 26], ids=["binary search", "bitmap"])
def test_membership_is_that_of_the_plain_set(bitmap_cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.sampling.membership.BITMAP_CELLS", bitmap_cells)
    known, sizes = KnownSet(TRIPLES, (4, 2, 3), CPU), (4, 2, 3)
    cells = torch.tensor(list(itertools.product(*map(range, sizes))))
    expected = [tuple(cell) in set(map(tuple, TRIPLES.tolist())) for cell in cells.tolist()]
    assert known.contains(*cells.unbind(1)).tolist() == expected
    assert sum(expected) == len(TRIPLES)


def test_membership_broadcasts_its_columns() -> None:
    known = KnownSet(rows((0, 2), (1, 0)), (2, 3), CPU)
    found = known.contains(torch.tensor([[0], [1]]), torch.tensor([[0, 1, 2]]))
    assert found.tolist() == [[False, False, True], [True, False, False]]


def test_an_empty_set_knows_nothing() -> None:
    known = KnownSet(np.empty((0, 2), dtype=np.int64), (2, 3), CPU)
    assert not known.contains(torch.tensor([0, 1]), torch.tensor([0, 2])).any()


def test_the_last_cell_of_the_largest_table_is_still_told_apart() -> None:
    sizes = (2**31, 2**32 - 1)
    known = KnownSet(rows((0, 0)), sizes, CPU)
    assert not known.contains(torch.tensor([sizes[0] - 1]), torch.tensor([sizes[1] - 1])).item()


@pytest.mark.parametrize("sizes", [(2**31, 2**32), (2**32, 2**16, 2**32)])
def test_a_table_without_63_bit_keys_is_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no 63-bit keys"):
        KnownSet(np.empty((0, len(sizes)), dtype=np.int64), sizes, CPU)


def test_own_negatives_are_usable_and_unknown_wherever_half_the_items_are_free() -> None:
    known = KnownSet(rows((0, 0), (0, 1), (1, 2)), (2, 4), CPU)
    users = everyone(2, 500)
    items, usable = own_negatives(known, users, 4, seeded())
    assert usable.all()
    assert set(items[users == 0].tolist()) == {2, 3}
    assert set(items[users == 1].tolist()) == {0, 1, 3}


def test_a_user_with_every_item_is_marked_and_the_others_are_not() -> None:
    known = KnownSet(rows((0, 0), (0, 1), (0, 2), (1, 0)), (2, 3), CPU)
    users = everyone(2, 128)
    items, usable = own_negatives(known, users, 3, seeded())
    assert usable.tolist() == (users == 1).tolist()
    assert set(items[usable].tolist()) == {1, 2}


def test_shared_negatives_are_marked_for_the_users_who_know_them() -> None:
    known = KnownSet(rows((0, 1), (1, 0), (1, 1)), (3, 2), CPU)
    marked = collisions(known, torch.tensor([0, 1, 2]), torch.tensor([0, 1, 1]))
    assert marked.tolist() == [[False, True, True], [True, True, True], [False, False, False]]


def test_shared_draws_reach_every_row_and_none_outside() -> None:
    assert set(shared_negatives(5, 400, seeded(), CPU).tolist()) == set(range(5))
    assert set(shared_entities(3, 400, seeded(), CPU).tolist()) == set(range(3))


def test_a_corrupted_triple_differs_on_exactly_one_side_and_is_no_known_fact() -> None:
    known, triples = KnownSet(TRIPLES, (4, 2, 4), CPU), torch.from_numpy(TRIPLES).repeat(500, 1)
    corrupted, usable = corrupt(known, triples, 4, seeded())
    changed = corrupted != triples
    assert usable.all()
    assert not known.contains(*corrupted.unbind(1)).any()
    assert not changed[:, 1].any()
    assert (changed.sum(1) == 1).all()
    assert 0.4 < changed[:, 0].double().mean() < 0.6


def test_a_triple_whose_every_corruption_is_a_fact_is_marked() -> None:
    everything = rows(*itertools.product(range(2), [0], range(2)))
    triples = torch.from_numpy(everything)
    _, usable = corrupt(KnownSet(everything, (2, 1, 2), CPU), triples, 2, seeded())
    assert not usable.any()


def test_the_same_seed_draws_the_same_negatives() -> None:
    known, users = KnownSet(rows((0, 0)), (3, 50), CPU), everyone(3, 20)
    first, second, other = (own_negatives(known, users, 50, seeded(s))[0] for s in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def _drawn(world: IndexedDataset, protocol: Protocol) -> tuple[set[tuple[int, ...]], set[tuple[int, ...]]]:
    model = new_model(config(), world)
    items, facts = objectives_of(model, config(), world, protocol.negatives_avoid, CPU)
    assert isinstance(items, RecommendationObjective)
    assert facts is not None
    users = everyone(len(world.users), 200)
    negatives, usable = own_negatives(items.known, users, len(world.items), seeded())
    triples = torch.from_numpy(world.triples["train"]).repeat(200, 1)
    corrupted, sound = corrupt(facts.known, triples, len(world.entities), seeded())
    pairs = torch.stack([users, negatives], dim=1)[usable].tolist()
    return set(map(tuple, pairs)), set(map(tuple, corrupted[sound].tolist()))


def _of(splits: Mapping[str, NDArray[np.int64]], *names: str) -> set[tuple[int, ...]]:
    return {tuple(row) for name in names for row in splits[name].tolist()}


def test_strict_negatives_avoid_training_rows_and_know_nothing_of_validation_and_test(world: IndexedDataset) -> None:
    pairs, triples = _drawn(world, STRICT)
    for drawn, splits in ((pairs, world.interactions), (triples, world.triples)):
        assert not drawn & _of(splits, "train")
        assert drawn & _of(splits, "valid")
        assert drawn & _of(splits, "test")


def test_paper_negatives_avoid_validation_and_test_rows_too(world: IndexedDataset) -> None:
    pairs, triples = _drawn(world, PAPER)
    for drawn, splits in ((pairs, world.interactions), (triples, world.triples)):
        assert drawn
        assert not drawn & _of(splits, "train", "valid", "test")


def test_lists_of_known_facts_mark_what_a_set_of_them_contains_repeats_included() -> None:
    random = np.random.default_rng(0)
    triples = np.stack([random.integers(0, size, 300) for size in (12, 3, 12)], axis=1)
    known, lists = KnownSet(triples, (12, 3, 12), CPU), KnownFacts(triples, 12, 3)
    heads, relations, tails = torch.from_numpy(triples[random.integers(0, 300, 40)]).unbind(1)
    drawn = torch.tensor([3, 3, 0, 11, 7, 3])
    as_tails = known.contains(heads.unsqueeze(1), relations.unsqueeze(1), drawn.unsqueeze(0))
    as_heads = known.contains(drawn.unsqueeze(0), relations.unsqueeze(1), tails.unsqueeze(1))
    assert lists.as_tails(heads, relations, drawn).equal(as_tails)
    assert lists.as_heads(relations, tails, drawn).equal(as_heads)
    assert 0 < as_tails.sum() < as_tails.numel()
    assert 0 < as_heads.sum() < as_heads.numel()


def test_nothing_is_known_of_a_graph_without_facts() -> None:
    lists, zero = KnownFacts(np.empty((0, 3), np.int64), 2, 1), torch.zeros(1, dtype=torch.int64)
    assert lists.as_tails(zero, zero, torch.tensor([0, 1])).tolist() == [[False, False]]
