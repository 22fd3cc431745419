"""Facts that people rejected: kept in the data set, taken for false in training, offered by no ranking."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch import Generator

from models.checkpoint import load_checkpoint
from tests.training import planted
from tests.training.planted import CPU, rows
from tests.training.test_objectives import Fixed, completion, loss_of
from training.comparisons import Facts, Rejections, SharedFacts
from training.data.dataset import Dataset
from training.data.errors import InvalidDataset
from training.data.indexed import IndexedDataset
from training.data.schema import OPTIONAL
from training.evaluation.completion import evaluate_completion
from training.sampling.rejected import MOST, RejectedFacts

FALSE = [("e1", "genre", "genre0"), ("e4", "director", "person5")]


def table(*facts: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(facts, schema=OPTIONAL["rejected"], orient="row")


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_a_data_set_keeps_its_rejected_facts_and_its_hash_covers_them(tmp_path: Path) -> None:
    made = planted.dataset({"rejected": table(*FALSE)})
    made.save(tmp_path / "out")
    loaded = Dataset.load(tmp_path / "out")
    assert loaded.rejected.rows() == FALSE
    assert loaded.manifest.counts["rejected"] == 2
    assert loaded.manifest.content_hash != planted.dataset().manifest.content_hash
    indexed = IndexedDataset.of(loaded)
    names = [(indexed.entities.id(h), indexed.relations.id(r), indexed.entities.id(t)) for h, r, t in indexed.rejected]
    assert names == FALSE
    table(*FALSE[:1]).write_parquet(tmp_path / "out" / "rejected.parquet")
    with pytest.raises(InvalidDataset, match="content_hash differs"):
        Dataset.load(tmp_path / "out")
    (tmp_path / "out" / "rejected.parquet").unlink()
    with pytest.raises(InvalidDataset, match=r"rejected\.parquet is missing"):
        Dataset.load(tmp_path / "out")


def test_a_data_set_without_the_table_or_with_an_empty_one_is_what_it_was(tmp_path: Path) -> None:
    plain, empty = planted.dataset(), planted.dataset({"rejected": table()})
    # The hash of these tables before there was such a one.
    before = "2f92b5fe9d61be3c0f40cff69d3e9893d67889e1228ff114ab8c15e23d54c002"
    assert plain.manifest.content_hash == empty.manifest.content_hash == before
    empty.save(tmp_path / "out")
    assert not (tmp_path / "out" / "rejected.parquet").exists()
    assert "rejected" not in json.loads((tmp_path / "out" / "manifest.json").read_text())["counts"]
    loaded = Dataset.load(tmp_path / "out")
    assert loaded.rejected.height == 0
    assert IndexedDataset.of(loaded).rejected.shape == (0, 3)
    table(*FALSE).write_parquet(tmp_path / "out" / "rejected.parquet")
    with pytest.raises(InvalidDataset, match="content_hash differs"):
        Dataset.load(tmp_path / "out")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([("e1", "genre", "nobody")], "rejected.tail holds 'nobody'"),
        ([("e1", "colour", "genre0")], "rejected.relation holds 'colour'"),
        ([FALSE[0], FALSE[0]], "rejected holds the same head, relation, tail twice"),
        ([("e1", "genre", "genre1")], "which stands among the triples"),
        ([("e0", "genre", "genre0")], "which stands among the triples"),  # of the test split
    ],
)
def test_rejected_facts_that_break_the_format_make_no_dataset(facts: list[tuple[str, str, str]], expected: str) -> None:
    with pytest.raises(InvalidDataset, match=expected):
        planted.dataset({"rejected": table(*facts)})


def test_each_rejected_fact_is_compared_with_a_true_one_of_its_relation() -> None:
    train = rows((0, 0, 1), (1, 1, 2), (2, 0, 1), (3, 1, 4))
    held = RejectedFacts.of(rows((5, 1, 2), (5, 2, 2), (6, 0, 2)), train, CPU)
    assert held is not None
    # (5, 2, 2) has a relation without facts: nothing is learnt of it.
    seen = [held.draw(seeded(k)) for k in range(40)]
    assert all(pair.false.tolist() == [[5, 1, 2], [6, 0, 2]] for pair in seen)
    assert {tuple(pair.true[0].tolist()) for pair in seen} == {(1, 1, 2), (3, 1, 4)}
    assert {tuple(pair.true[1].tolist()) for pair in seen} == {(0, 0, 1), (2, 0, 1)}
    assert RejectedFacts.of(rows((5, 2, 2)), train, CPU) is None
    assert RejectedFacts.of(np.empty((0, 3), np.int64), train, CPU) is None


def test_of_many_rejected_facts_a_batch_has_some_each_once() -> None:
    many = rows(*((k, 0, 0) for k in range(MOST + 50)))
    held = RejectedFacts.of(many, rows((0, 0, 1)), CPU)
    assert held is not None
    heads = held.draw(seeded()).false[:, 0]
    assert len(heads) == len(set(heads.tolist())) == MOST
    assert heads.tolist() != held.draw(seeded(1)).false[:, 0].tolist()


ONE_TRIPLE = torch.tensor([[0, 0, 0]])
REJECTED = RejectedFacts.of(rows((1, 0, 1)), rows((0, 0, 0)), CPU)
# The fact scores 0, its corruptions -1, the rejected fact (1, 0, 1) scores -2.


def test_a_rejected_fact_weighs_as_much_as_one_triple_of_the_batch() -> None:
    # margin 3: the triple 3 - 1 = 2, the rejected one 3 - 2 = 1; the mean of both, or their sum
    for reduction, expected in (("mean", 1.5), ("sum", 3.0)):
        objective = replace(completion(loss="margin", margin=3.0, reduction=reduction), rejected=REJECTED)
        assert loss_of(objective, Fixed(), ONE_TRIPLE, seeded()).item() == pytest.approx(expected)


def test_a_rejected_fact_is_the_only_negative_of_its_row_in_the_softmax() -> None:
    objective = replace(completion(negatives=64, sharpness=0.5), rejected=REJECTED)
    same = seeded(7)
    torch.rand(1, generator=same, dtype=torch.float64)  # which fact it is compared with, of the only one
    draws = torch.randint(2, (64,), generator=same)
    triple = torch.log(1 + draws.sum() * torch.tensor(-0.5).exp()).item()
    # log(1 + e^(0.5 (-2 - 0)))
    assert loss_of(objective, Fixed(), ONE_TRIPLE, seeded(7)).item() == pytest.approx((triple + 0.313262) / 2, abs=1e-5)


def test_the_gradient_lowers_the_score_of_a_rejected_fact() -> None:
    class Scored(Fixed):
        def __init__(self) -> None:
            self.false = torch.tensor(0.5, requires_grad=True)

        def score_triples(self, heads: torch.Tensor, relations: torch.Tensor, tails: torch.Tensor) -> torch.Tensor:
            return torch.where(heads == 1, self.false, torch.zeros(()))

    for loss in ("margin", "softmax"):
        model, objective = Scored(), completion(loss=loss, sharpness=1.0)
        pairs = Rejections(torch.tensor([[1, 0, 1]]), ONE_TRIPLE)
        value = objective._of_rejected(model, pairs)
        value.sum().backward()  # type: ignore[no-untyped-call]
        assert model.false.grad is not None
        # margin: 1 + 0.5, slope 1; softmax: log(1 + e^0.5), slope sigma(0.5); a step goes down the slope
        expected = {"margin": (1.5, 1.0), "softmax": (0.974077, 0.622459)}[loss]
        assert (value.item(), model.false.grad.item()) == pytest.approx(expected, abs=1e-5)


def test_rejected_facts_go_with_every_batch_and_into_its_rows() -> None:
    objective = replace(completion(loss="margin"), rejected=REJECTED)
    block = objective.draw(ONE_TRIPLE.repeat(5, 1), seeded())
    assert isinstance(block, Facts)
    parts = list(block.split(2))
    assert [len(part.triples) for part in parts] == [2, 2, 1]
    assert all(part.rejections is block.rejections for part in parts)
    moved = parts[0].over(lambda _, ends: ends + 10)
    assert moved.rejections is not None
    assert moved.rejections.false.tolist() == [[11, 0, 11]]
    assert moved.rejections.true.tolist() == [[10, 0, 10]]
    assert block.rejections is not None
    assert block.rejections.false.tolist() == [[1, 0, 1]]


def test_without_rejected_facts_the_same_negatives_are_drawn_as_before() -> None:
    one, other = seeded(3), seeded(3)
    batch = completion().draw(ONE_TRIPLE, one)
    assert isinstance(batch, SharedFacts)
    assert torch.equal(batch.entities, torch.randint(2, (256,), generator=other))
    assert batch.rejections is None
    assert torch.equal(torch.rand(1, generator=one), torch.rand(1, generator=other))


@pytest.mark.parametrize("loss", ["softmax", "margin"])
@pytest.mark.parametrize("optimised", ["all", "touched"])
def test_training_puts_rejected_facts_further_from_true_than_training_without(
    tmp_path: Path, loss: str, optimised: str
) -> None:
    settings = planted.config(
        epochs=6,
        completion={"batch_size": 32, "negatives": 16, "loss": loss},
        optimiser={"learning_rate": 0.05, "rows": optimised},
    )
    told = planted.indexed(rejected=table(*FALSE))
    heads, relations, tails = torch.from_numpy(told.rejected).unbind(1)
    places = {}
    for name, data in (("without", planted.indexed()), ("with", told)):
        model = load_checkpoint(planted.run(settings, data, tmp_path / name).checkpoint).model
        with torch.no_grad():
            own = model.score_triples(heads, relations, tails)
            all_tails = model.score_tails(heads, relations)
        of_role = torch.stack([all_tails[0, 30:33].mean(), all_tails[1, 33:39].mean()])
        places[name] = own - of_role  # the score beside those of its kind: genres, directors
    assert bool((places["with"] < places["without"] - 0.05).all()), places


def test_no_ranking_of_the_evaluation_offers_a_rejected_fact() -> None:
    class First:
        """Scores entity e as -e, whatever is asked."""

        n_entities, n_relations = 4, 1

        def score_tails(self, heads: torch.Tensor, relations: torch.Tensor) -> torch.Tensor:
            return -torch.arange(4.0).repeat(len(heads), 1)

        def score_heads(self, relations: torch.Tensor, tails: torch.Tensor) -> torch.Tensor:
            return -torch.arange(4.0).repeat(len(tails), 1)

    data = replace(
        planted.catalogue(0, 0),
        triples={"train": rows((3, 0, 0)), "valid": np.empty((0, 3), np.int64), "test": rows((3, 0, 2))},
        rejected=rows((3, 0, 1)),
    )
    # Before entity 2 stand 0, which is known, and 1, which was rejected.
    result = evaluate_completion(First(), data.triples["test"], data.settled, "cpu")
    assert (result.tail_ranks.tolist(), result.raw_tail_ranks.tolist()) == ([1.0], [3.0])
