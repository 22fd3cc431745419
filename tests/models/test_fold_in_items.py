"""Items folded in from their facts, with every other vector fixed."""

from typing import Any

import numpy as np
import pytest
import torch

from models.fold_in.items import FactsOf, ItemFolding, NoFacts
from models.interface import Sizes
from models.registry import build, config_from


def made(combine: str = "mean", **values: Any) -> Any:
    """Item 0 is entity 0 at (0.3, 0.4), its own part (0.2, 0); entity 1 lies at (0.5, 0.2); r = (1, 0), w = (0, 1)."""
    config = config_from("ktup", {"embedding_size": 2, "norm": "l2", "combine": combine, **values})
    model: Any = build("ktup", config, Sizes(1, 2, 2, 1, torch.tensor([0, -1])), torch.Generator())
    with torch.no_grad():
        model.items.copy_(torch.tensor([[0.2, 0.0], [9.0, 9.0]]))
        model.entities.copy_(torch.tensor([[0.3, 0.4], [0.5, 0.2]]))
        model.relations.copy_(torch.tensor([[1.0, 0.0]]))
        model.relation_normals.copy_(torch.tensor([[0.0, 1.0]]))
    return model


def facts(*triples: tuple[int, int, bool]) -> FactsOf:
    relations, others, as_head = zip(*triples, strict=True)
    return FactsOf(np.array(relations), np.array(others), np.array(as_head))


def test_a_head_lies_where_the_relation_leads_to_its_tail() -> None:
    # x: (1 + ridge) e = (0.5 - 1) + ridge 0.3, at ridge 1: -0.1. y is not looked at: the mean entity's 0.4.
    found = ItemFolding(made(), ridge=1.0).entity(facts((0, 1, True)))
    assert found.tolist() == pytest.approx([-0.1, 0.4])


def test_a_tail_lies_where_the_relation_leads_from_its_head() -> None:
    found = ItemFolding(made(), ridge=1.0).entity(facts((0, 1, False)))
    assert found.tolist() == pytest.approx([0.9, 0.4])  # (0.5 + 1 + 0.3) / 2


def test_facts_outweigh_the_mean_as_they_grow_in_number() -> None:
    found = ItemFolding(made(), ridge=1.0).entity(facts(*[(0, 1, True)] * 3))
    assert found.tolist() == pytest.approx([(-3 * 0.5 + 0.3) / 4, 0.4])


@pytest.mark.parametrize(("combine", "expected"), [("mean", [0.05, 0.2]), ("sum", [0.1, 0.4])])
def test_an_item_is_combined_as_the_model_does_it_with_the_mean_part_of_aligned_items(
    combine: str, expected: list[float]
) -> None:
    assert ItemFolding(made(combine), ridge=1.0).item(facts((0, 1, True))).tolist() == pytest.approx(expected)


def test_it_is_where_the_squared_distances_of_its_facts_and_the_ridge_are_least() -> None:
    generator = torch.Generator().manual_seed(3)
    config = config_from("ktup", {"embedding_size": 5, "norm": "l2"})
    model: Any = build("ktup", config, Sizes(2, 4, 9, 3, torch.tensor([0, 3, -1, 5])), generator).double()
    given = facts((0, 1, True), (2, 4, False), (1, 8, True))
    found = ItemFolding(model, ridge=2.0).entity(given).requires_grad_()
    with torch.no_grad():
        entities = torch.cat([model.entities, torch.zeros(1, 5).double()])
    table = torch.cat([entities[:9], found.unsqueeze(0)])
    space = type(model.facts)(table, model.relations.detach(), model.relation_normals.detach(), "l2")
    new = torch.tensor([9, 4, 9]), torch.tensor([0, 2, 1]), torch.tensor([1, 9, 8])
    centre = model.entities.detach()[[0, 3, 5]].mean(0)
    loss = space.triple_distances(*new).sum() + 2.0 * (found - centre).square().sum()
    (gradient,) = torch.autograd.grad(loss, found)
    assert found.norm() < 1.0
    assert gradient.abs().max() < 1e-6


def test_no_fact_and_a_model_without_a_graph_are_refused() -> None:
    with pytest.raises(NoFacts, match="without a known fact"):
        ItemFolding(made()).item(FactsOf(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_)))
    config = config_from("tup", {"embedding_size": 2, "n_preferences": 2})
    tup = build("tup", config, Sizes(1, 2, 0, 0, torch.empty(0, dtype=torch.int64)), torch.Generator())
    with pytest.raises(TypeError, match="TUP"):
        ItemFolding(tup)


@pytest.mark.parametrize("row", [-1, 5])
def test_a_row_outside_of_its_vocabulary_is_refused(row: int) -> None:
    for given in (facts((row, 1, True)), facts((0, row, True))):
        with pytest.raises(IndexError):
            ItemFolding(made()).entity(given)
