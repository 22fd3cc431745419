"""One equation, two speeds: what every model of the registry promises."""

from typing import Any

import pytest
import torch

from models.interface import Sizes


def assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-4)


def _grid(n: int, m: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.arange(n).repeat_interleave(m), torch.arange(m).repeat(n)


def test_all_items_score_as_pair_by_pair(item_model: Any) -> None:
    users, items = _grid(item_model.n_users, item_model.n_items)
    literal = item_model.score_pairs(users, items).view(item_model.n_users, -1)
    assert_close(item_model.score_items(torch.arange(item_model.n_users)), literal)


def test_candidates_score_as_in_the_whole_catalogue(item_model: Any) -> None:
    users, candidates = torch.tensor([3, 3, 0]), torch.tensor([10, 2, 2, 5])
    whole = item_model.score_items(users)[:, candidates]
    assert_close(item_model.score_items(users, candidates), whole)


def test_gradients_of_both_speeds_agree(item_model: Any) -> None:
    users, items = _grid(2, item_model.n_items)
    factors = torch.linspace(-1, 1, len(items))
    (item_model.score_pairs(users, items) * factors).sum().backward()
    literal = {name: p.grad.clone() for name, p in item_model.named_parameters() if p.grad is not None}
    item_model.zero_grad()
    (item_model.score_items(torch.arange(2)).flatten() * factors).sum().backward()
    for name, gradient in literal.items():
        torch.testing.assert_close(dict(item_model.named_parameters())[name].grad, gradient, rtol=1e-3, atol=1e-4)


def test_two_calls_agree_bit_for_bit(item_model: Any) -> None:
    users = torch.arange(item_model.n_users)
    assert torch.equal(item_model.score_items(users), item_model.score_items(users))
    assert torch.equal(item_model.score_pairs(users, users), item_model.score_pairs(users, users))


def test_scores_are_negated_distances(item_model: Any) -> None:
    assert (item_model.score_items(torch.arange(item_model.n_users)) <= 0).all()


@pytest.mark.parametrize("row", [-1, 10_000])
def test_a_row_outside_the_vocabulary_raises(item_model: Any, row: int) -> None:
    known, unknown = torch.tensor([0]), torch.tensor([row])
    for users, items in ((unknown, known), (known, unknown)):
        with pytest.raises(IndexError):
            item_model.score_pairs(users, items)
        with pytest.raises(IndexError):
            item_model.score_items(users, items)


def test_the_weights_it_gives_are_the_weights_it_scores_with(item_model: Any) -> None:
    users, items = _grid(item_model.n_users, item_model.n_items)
    weights = item_model.preference_weights(users, items)
    assert torch.equal(item_model.score_with_weights(users, items, weights), item_model.score_pairs(users, items))
    torch.testing.assert_close(weights.sum(1), torch.ones(len(users)))


def test_a_masked_preference_has_no_weight(item_model: Any) -> None:
    users, items = _grid(item_model.n_users, item_model.n_items)
    masked = torch.zeros(len(users), item_model.n_preferences, dtype=torch.bool)
    masked[:, 1] = True
    weights = item_model.preference_weights(users, items, masked=masked)
    assert (weights[:, 1] == 0).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(len(users)))


def test_noise_changes_only_hard_induction(item_model: Any) -> None:
    users, items = _grid(item_model.n_users, item_model.n_items)
    plain = item_model.score_pairs(users, items)
    noisy = item_model.score_pairs(users, items, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(noisy, plain) == (item_model.config.strategy == "soft")


def test_every_completion_form_scores_as_triple_by_triple(triple_model: Any) -> None:
    n, r = triple_model.n_entities, triple_model.n_relations
    for relation in range(r):
        given, asked = _grid(n, n)
        relations = torch.full_like(given, relation)
        literal = triple_model.score_triples(given, relations, asked).view(n, n)
        rows, one_relation = torch.arange(n), torch.full((n,), relation)
        assert_close(triple_model.score_tails(rows, one_relation), literal)
        assert_close(triple_model.score_heads(one_relation, rows), literal.T)
        found = triple_model.score_relations(rows, rows.flip(0))[:, relation]
        assert_close(found, literal[rows, rows.flip(0)])


def test_candidate_entities_score_as_among_all(triple_model: Any) -> None:
    heads, relations, candidates = torch.tensor([1, 4]), torch.tensor([2, 0]), torch.tensor([12, 3, 3])
    whole = triple_model.score_tails(heads, relations)[:, candidates]
    assert_close(triple_model.score_tails(heads, relations, candidates), whole)
    whole = triple_model.score_heads(relations, heads)[:, candidates]
    assert_close(triple_model.score_heads(relations, heads, candidates), whole)


@pytest.mark.parametrize("row", [-1, 10_000])
def test_a_fact_outside_the_vocabulary_raises(triple_model: Any, row: int) -> None:
    known, unknown = torch.tensor([0]), torch.tensor([row])
    for triple in ((unknown, known, known), (known, unknown, known), (known, known, unknown)):
        with pytest.raises(IndexError):
            triple_model.score_triples(*triple)


def test_constraints_hold_after_a_wild_step(any_model: Any) -> None:
    with torch.no_grad():
        for parameter in any_model.parameters():
            parameter.mul_(50).add_(0.1)
    any_model.constrain_()
    for name, parameter in any_model.named_parameters():
        lengths = parameter.norm(dim=1)
        assert (lengths <= 1 + 1e-5).all(), name
        if "normals" in name:
            torch.testing.assert_close(lengths, torch.ones_like(lengths))


def test_the_seed_decides_every_number(any_model: Any) -> None:
    again = type(any_model)(any_model.config, _sizes_of(any_model), torch.Generator().manual_seed(0))
    for name, parameter in any_model.named_parameters():
        assert torch.equal(parameter, dict(again.named_parameters())[name])


def _sizes_of(model: Any) -> Any:
    n_users, n_items, n_entities, n_relations = (
        getattr(model, name, 0) for name in ("n_users", "n_items", "n_entities", "n_relations")
    )
    alignment = getattr(model, "alignment", torch.empty(0, dtype=torch.int64))
    return Sizes(n_users, n_items, n_entities, n_relations, alignment)
