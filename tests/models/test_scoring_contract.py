"""One equation, two speeds: what every model of the registry promises."""

from typing import Any

import pytest
import torch


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


def test_scores_of_a_translation_are_negated_distances(distance_model: Any) -> None:
    assert (distance_model.score_items(torch.arange(distance_model.n_users)) <= 0).all()


def test_scores_of_facts_are_negated_distances_in_every_model(triple_model: Any) -> None:
    heads, relations = _grid(triple_model.n_entities, triple_model.n_relations)
    assert (triple_model.score_tails(heads, relations) <= 0).all()


@pytest.mark.parametrize("row", [-1, 10_000])
def test_a_row_outside_the_vocabulary_raises(item_model: Any, row: int) -> None:
    known, unknown = torch.tensor([0]), torch.tensor([row])
    for users, items in ((unknown, known), (known, unknown)):
        with pytest.raises(IndexError):
            item_model.score_pairs(users, items)
        with pytest.raises(IndexError):
            item_model.score_items(users, items)


def test_the_weights_it_gives_are_the_weights_it_scores_with(preference_model: Any) -> None:
    users, items = _grid(preference_model.n_users, preference_model.n_items)
    weights = preference_model.preference_weights(users, items)
    assert torch.equal(
        preference_model.score_with_weights(users, items, weights), preference_model.score_pairs(users, items)
    )
    if preference_model.config.attention == "softmax":
        torch.testing.assert_close(weights.sum(1), torch.ones(len(users)))
    else:
        assert (weights < 0).any()


def test_a_masked_preference_has_no_weight(preference_model: Any) -> None:
    users, items = _grid(preference_model.n_users, preference_model.n_items)
    masked = torch.zeros(len(users), preference_model.n_preferences, dtype=torch.bool)
    masked[:, 1] = True
    weights = preference_model.preference_weights(users, items, masked=masked)
    assert (weights[:, 1] == 0).all()
    if preference_model.config.attention == "softmax":
        torch.testing.assert_close(weights.sum(1), torch.ones(len(users)))
    else:  # nothing is shared out: the others keep what they had
        free = preference_model.preference_weights(users, items)
        assert torch.equal(weights[:, 2:], free[:, 2:])


def test_a_generator_changes_nothing_without_hard_induction(item_model: Any) -> None:
    if getattr(item_model.config, "strategy", "none") == "hard":
        return
    users, items = _grid(item_model.n_users, item_model.n_items)
    noisy = item_model.score_pairs(users, items, generator=torch.Generator().manual_seed(1))
    assert torch.equal(noisy, item_model.score_pairs(users, items))


def test_noise_changes_only_hard_induction(preference_model: Any) -> None:
    users, items = _grid(preference_model.n_users, preference_model.n_items)
    plain = preference_model.score_pairs(users, items)
    noisy = preference_model.score_pairs(users, items, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(noisy, plain) == (preference_model.config.strategy == "soft")


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


@pytest.mark.parametrize("form", ["tails", "heads", "relations"])
def test_gradients_of_every_completion_form_agree(triple_model: Any, form: str) -> None:
    n, r = triple_model.n_entities, triple_model.n_relations
    heads, relations, tails = (torch.tensor(rows) for rows in ([1, 4, 4, 0], [2, 0, 2, 1], [3, 3, 5, 12]))
    if form == "tails":
        fast = triple_model.score_tails(heads, relations)
        triples = heads.repeat_interleave(n), relations.repeat_interleave(n), torch.arange(n).repeat(4)
    elif form == "heads":
        fast = triple_model.score_heads(relations, tails)
        triples = torch.arange(n).repeat(4), relations.repeat_interleave(n), tails.repeat_interleave(n)
    else:
        fast = triple_model.score_relations(heads, tails)
        triples = heads.repeat_interleave(r), torch.arange(r).repeat(4), tails.repeat_interleave(r)
    factors = torch.linspace(-1, 1, fast.numel())
    (fast.flatten() * factors).sum().backward()
    found = {name: p.grad.clone() for name, p in triple_model.named_parameters() if p.grad is not None}
    triple_model.zero_grad()
    (triple_model.score_triples(*triples) * factors).sum().backward()
    for name, gradient in found.items():
        expected = dict(triple_model.named_parameters())[name].grad
        torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-4)


def test_constraints_hold_after_a_wild_step(any_model: Any) -> None:
    free = {"bias", "user_biases", "item_biases"}
    if not getattr(any_model.config, "bounded", True):
        free |= {"users", "items"}
    with torch.no_grad():
        for parameter in any_model.parameters():
            parameter.mul_(50).add_(0.1)
    before = {name: parameter.clone() for name, parameter in any_model.named_parameters()}
    any_model.constrain_()
    for name, parameter in any_model.named_parameters():
        if name in free:
            assert torch.equal(parameter, before[name]), name
            continue
        lengths = parameter.flatten(1).norm(dim=1)
        most = 6**0.5 if "matrices" in name else 1.0  # the Frobenius norm of the identity
        assert (lengths <= most + 1e-5).all(), name
        if "normals" in name:
            torch.testing.assert_close(lengths, torch.ones_like(lengths))


def test_the_seed_decides_every_number(twins: tuple[Any, Any]) -> None:
    first, second = (dict(model.named_parameters()) for model in twins)
    assert all(torch.equal(first[name], second[name]) for name in first)
