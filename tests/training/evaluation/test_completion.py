"""Filtered ranks on graphs of a handful of entities."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.planted import CPU, config, rows
from training.data.indexed import IndexedDataset
from training.evaluation.completion import evaluate_completion, relation_categories
from training.trainer import new_model

A, B, C, D = range(4)


class Table:
    """Scores entity k as tails[k] or heads[k], whatever the query; one relation."""

    n_relations = 1

    def __init__(self, heads: list[float], tails: list[float]) -> None:
        self.n_entities = len(heads)
        self._heads, self._tails = torch.tensor(heads), torch.tensor(tails)

    def score_tails(self, heads: Tensor, relations: Tensor) -> Tensor:
        return self._tails.repeat(len(heads), 1)

    def score_heads(self, relations: Tensor, tails: Tensor) -> Tensor:
        return self._heads.repeat(len(tails), 1)


def test_c73_a_constant_model_ranks_in_the_middle_and_not_first() -> None:
    triples = rows((0, 0, 1))
    result = evaluate_completion(Table([0.0] * 9, [0.0] * 9), triples, triples, CPU)
    assert result.tail_ranks.tolist() == result.head_ranks.tolist() == [(9 + 1) / 2]
    assert result.means(10)["mrr"] == pytest.approx(2 / (9 + 1))


def test_c80_other_known_tails_are_left_out_and_the_raw_rank_still_counts_them() -> None:
    test, known = rows((A, 0, B)), rows((A, 0, B), (A, 0, C), (A, 0, D))
    result = evaluate_completion(Table([9.0, 0.0, 0.0, 0.0], [0.0, 1.0, 2.0, 3.0]), test, known, CPU)
    assert result.raw_tail_ranks.tolist() == [3.0]
    assert result.tail_ranks.tolist() == [1.0]


def test_known_tails_do_not_filter_the_heads_nor_known_heads_the_tails() -> None:
    test, known = rows((A, 0, B)), rows((A, 0, B), (A, 0, C), (D, 0, B))
    # Tails C and D score above B, and only C is known; heads C and D score above A, and only D is known.
    result = evaluate_completion(Table([1.0, 0.0, 2.0, 3.0], [0.0, 1.0, 2.0, 3.0]), test, known, CPU)
    assert (result.raw_head_ranks.tolist(), result.head_ranks.tolist()) == ([3.0], [2.0])
    assert (result.raw_tail_ranks.tolist(), result.tail_ranks.tolist()) == ([3.0], [2.0])


def test_facts_of_another_relation_do_not_filter() -> None:
    model = Table([9.0, 0.0, 0.0, 0.0], [0.0, 1.0, 2.0, 0.0])
    model.n_relations = 2
    result = evaluate_completion(model, rows((A, 0, B)), rows((A, 0, B), (A, 1, C)), CPU)
    assert result.tail_ranks.tolist() == [2.0]


def test_a_known_fact_that_ties_gives_back_its_half_place() -> None:
    result = evaluate_completion(Table([9.0, 0.0, 0.0], [0.0, 1.0, 1.0]), rows((A, 0, B)), rows((A, 0, C)), CPU)
    assert (result.raw_tail_ranks.tolist(), result.tail_ranks.tolist()) == ([1.5], [1.0])


def test_both_sides_are_pooled_and_the_papers_mean_rank_counts_from_zero() -> None:
    test = rows((A, 0, B))
    result = evaluate_completion(Table([1.0, 2.0, 3.0], [3.0, 1.0, 0.0]), test, test, CPU)
    assert (result.head_ranks.tolist(), result.tail_ranks.tolist()) == ([3.0], [2.0])
    assert result.means(2) == pytest.approx({"hits": 0.5, "mean_rank": 2.5, "mrr": (1 / 3 + 1 / 2) / 2, "triples": 1})
    assert result.means(2, first_rank=0) == pytest.approx({**result.means(2), "mean_rank": 1.5})


def test_a_score_that_is_no_number_is_an_error() -> None:
    test = rows((A, 0, B))
    with pytest.raises(FloatingPointError, match="not a number"):
        evaluate_completion(Table([0.0, 0.0], [0.0, float("nan")]), test, test, CPU)


def test_no_triples_are_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match="no triples to rank"):
        evaluate_completion(Table([0.0], [0.0]), np.empty((0, 3), dtype=np.int64), rows((0, 0, 0)), CPU)


def test_chunks_of_one_triple_give_the_ranks_of_one_chunk(world: IndexedDataset) -> None:
    model, known = new_model(config(), world), np.concatenate(list(world.triples.values()))
    whole = evaluate_completion(model, world.triples["train"], known, CPU)
    pieces = evaluate_completion(model, world.triples["train"], known, CPU, chunk_elements=1)
    for name in ("head_ranks", "tail_ranks", "raw_head_ranks", "raw_tail_ranks"):
        assert np.array_equal(getattr(whole, name), getattr(pieces, name))
    assert len(np.unique(whole.tail_ranks)) > 10


def test_ranks_are_those_of_counting_triple_by_triple(world: IndexedDataset) -> None:
    model, known = new_model(config(), world), np.concatenate(list(world.triples.values()))
    result, facts = evaluate_completion(model, world.triples["test"], known, CPU), set(map(tuple, known.tolist()))
    everyone = torch.arange(len(world.entities))
    for k, (h, r, t) in enumerate(world.triples["test"].tolist()):
        relations = torch.full_like(everyone, r)
        tails = model.score_triples(torch.full_like(everyone, h), relations, everyone)  # type: ignore[operator]
        better = [e for e in everyone.tolist() if tails[e] > tails[t] and (h, r, e) not in facts]
        assert result.tail_ranks[k] == 1 + len(better)
        heads = model.score_triples(everyone, relations, torch.full_like(everyone, t))  # type: ignore[operator]
        better = [e for e in everyone.tolist() if heads[e] > heads[h] and (e, r, t) not in facts]
        assert result.head_ranks[k] == 1 + len(better)


@pytest.mark.parametrize(
    ("pairs", "category"),
    [
        ([(0, 1), (2, 3)], "1-1"),
        ([(0, 1), (0, 2), (3, 4)], "1-N"),  # 3 facts over 2 heads: 1.5 tails a head, which is many
        ([(1, 0), (2, 0), (4, 3)], "N-1"),
        ([(0, 1), (0, 2), (3, 1), (3, 2)], "N-N"),
        ([(0, 1), (0, 2), (3, 4), (5, 6)], "1-1"),  # 4 facts over 3 heads: 1.33
        ([(0, 1), (0, 1), (0, 1)], "1-1"),  # one fact, three times
    ],
)
def test_a_relation_has_many_from_one_and_a_half_on(pairs: list[tuple[int, int]], category: str) -> None:
    triples = rows(*((head, 1, tail) for head, tail in pairs))
    assert relation_categories(triples, n_relations=3) == {1: category}
