"""Each equation against numbers worked out by hand, on vectors of two or three dimensions."""

import math
from typing import Any

import pytest
import torch

from models.geometry import Norm, hyperplane_distances, keep_in_unit_ball_, keep_on_unit_sphere_, project
from models.interface import Sizes
from models.registry import build, config_from

ALIGNED = Sizes(2, 3, 2, 2, torch.tensor([0, 1, -1]))
"""2 users, 3 items, 2 entities, 2 relations; the third item has no entity."""

ROOT = math.sqrt(0.5)


def _model(name: str, tables: dict[str, list[list[float]]], **settings: Any) -> Any:
    config = config_from(name, {"embedding_size": 2, **settings})
    model = build(name, config, ALIGNED, torch.Generator())
    with torch.no_grad():
        for table, rows in tables.items():
            getattr(model, table).copy_(torch.tensor(rows))
    return model


def _one(row: int) -> torch.Tensor:
    return torch.tensor([row])


def test_projection_takes_away_what_points_along_the_normal() -> None:
    # w.x = 3 for w = (0, 1); x - 3 w = (2, 0)
    assert project(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])).tolist() == [2.0, 0.0]
    # A normal of length 1/2 is used as it is: w.x = 1.5, x - 1.5 w = (2, 2.25)
    assert project(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 0.5])).tolist() == [2.0, 2.25]


@pytest.mark.parametrize(("norm", "expected"), [("l1", 3.0), ("l2", 5.0)])
def test_transe_measures_head_plus_relation_minus_tail(norm: Norm, expected: float) -> None:
    # h + r - t = (1, 2) + (0, 1) - (2, 1) = (-1, 2)
    model = _model("transe", {"entities": [[1, 2], [2, 1]], "relations": [[0, 1], [5, 5]]}, norm=norm)
    assert model.score_triples(_one(0), _one(0), _one(1)).item() == pytest.approx(-expected)


@pytest.mark.parametrize(("norm", "expected"), [("l1", 1.5), ("l2", 1.25)])
def test_transh_translates_on_the_hyperplane_of_the_relation(norm: Norm, expected: float) -> None:
    # w = (0, 1): h_perp = (1, 0), t_perp = (2, 0); h_perp + r - t_perp = (1 - 2, 0) + (0, 0.5) -> (-1, 0.5)
    tables: dict[str, list[list[float]]] = {
        "entities": [[1, 2], [2, 1]],
        "relations": [[0, 0.5], [5, 5]],
        "relation_normals": [[0, 1], [1, 0]],
    }
    model = _model("transh", tables, norm=norm)
    assert model.score_triples(_one(0), _one(0), _one(1)).item() == pytest.approx(-expected)


@pytest.mark.parametrize(("norm", "expected"), [("l1", 6.0), ("l2", 26.0)])
def test_transr_translates_in_the_space_of_the_relation(norm: Norm, expected: float) -> None:
    # M = (0 2; 1 0): M h = (4, 1), M t = (2, 2); M h + r - M t = (4 + 3 - 2, 1 + 0 - 2) = (5, -1)
    tables: dict[str, Any] = {
        "entities": [[1, 2], [2, 1]],
        "relations": [[3, 0], [9, 9]],
        "relation_matrices": [[[0, 2], [1, 0]], [[9, 9], [9, 9]]],
    }
    model = _model("transr", tables, norm=norm)
    assert model.score_triples(_one(0), _one(0), _one(1)).item() == pytest.approx(-expected)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_transr_starts_as_transe(norm: Norm) -> None:
    tables: dict[str, list[list[float]]] = {"entities": [[1, 2], [2, 1]], "relations": [[0, 1], [5, 5]]}
    transr, transe = (_model(name, tables, norm=norm) for name in ("transr", "transe"))
    assert torch.equal(transr.score_tails(_one(0), _one(1)), transe.score_tails(_one(0), _one(1)))


FACTOR_TABLES: dict[str, Any] = {
    "users": [[1, 2], [0, 1]],
    "items": [[3, -1], [1, 1], [2, 0]],
    "bias": [0.5],
    "user_biases": [[0.25], [9]],
    "item_biases": [[-1], [2], [0]],
}


def test_bprmf_multiplies_user_and_item() -> None:
    # (1, 2).(3, -1) = 1; (1, 2).(1, 1) = 3
    model = _model("bprmf", {name: FACTOR_TABLES[name] for name in ("users", "items")})
    assert model.score_pairs(torch.tensor([0, 0]), torch.tensor([0, 1])).tolist() == [1.0, 3.0]


def test_fm_adds_the_biases_to_the_product() -> None:
    # 0.5 + 0.25 - 1 + 1 = 0.75; 0.5 + 0.25 + 2 + 3 = 5.75
    model = _model("fm", FACTOR_TABLES)
    assert model.score_pairs(torch.tensor([0, 0]), torch.tensor([0, 1])).tolist() == [0.75, 5.75]


FACT_TABLES: dict[str, Any] = {"entities": [[1, 0], [0, 1]], "relations": [[0, 0.5], [5, 5]]}


@pytest.mark.parametrize(("norm", "expected"), [("l1", [2.5, 2.5, 3.5]), ("l2", [4.25, 3.25, 6.25])])
def test_cfkg_translates_users_to_entities_and_unaligned_items_to_themselves(norm: Norm, expected: list[float]) -> None:
    # u + r_interact = (1.5, 2). Less entity 0, (1, 0): (0.5, 2); less entity 1, (0, 1): (1.5, 1);
    # item 2 stands for no entity, less its own (0, 0): (1.5, 2)
    own: dict[str, Any] = {"users": [[1, 2], [0, 1]], "items": [[7, 7], [7, 7], [0, 0]], "interact": [[0.5, 0]]}
    model = _model("cfkg", {**FACT_TABLES, **own}, norm=norm)
    assert (-model.score_pairs(torch.tensor([0, 0, 0]), torch.arange(3))).tolist() == expected


@pytest.mark.parametrize("name", ["cfkg", "cofm-share", "cofm-reg"])
def test_cfkg_and_cofm_complete_facts_as_transe(name: str) -> None:
    # h + r - t = (1, 0) + (0, 0.5) - (0, 1) = (1, -0.5)
    model = _model(name, FACT_TABLES, norm="l2")
    assert model.score_triples(_one(0), _one(0), _one(1)).item() == pytest.approx(-1.25)
    assert model.score_relations(_one(0), _one(1)).shape == (1, 2)


def test_cke_adds_the_entity_to_the_item_and_higher_is_better() -> None:
    # i + e = (4, -1): (1, 2).(4, -1) = 2; (1, 1) + (0, 1): (1, 2).(1, 2) = 5; item 2 has no entity: (1, 2).(2, 0) = 2
    tables = {**FACT_TABLES, "users": FACTOR_TABLES["users"], "items": FACTOR_TABLES["items"]}
    model = _model("cke", tables)
    assert model.score_pairs(torch.tensor([0, 0, 0]), torch.tensor([0, 1, 2])).tolist() == [2.0, 5.0, 2.0]


def test_cke_completes_facts_as_transr() -> None:
    # M = 2 I: 2 (1, 0) + (0, 0.5) - 2 (0, 1) = (2, -1.5); squared length 6.25
    tables = {**FACT_TABLES, "relation_matrices": [[[2, 0], [0, 2]], [[1, 0], [0, 1]]]}
    assert _model("cke", tables, norm="l2").score_triples(_one(0), _one(0), _one(1)).item() == pytest.approx(-6.25)


def test_cofm_share_has_one_vector_for_an_item_and_its_entity() -> None:
    # 0.75 + b_i + u.e: 0.75 - 1 + (1, 2).(1, 0) = 0.75; 0.75 + 2 + (1, 2).(0, 1) = 4.75; unaligned: 0.75 + 0 + 2
    model = _model("cofm-share", {**FACTOR_TABLES, **FACT_TABLES})
    assert model.score_pairs(torch.tensor([0, 0, 0]), torch.tensor([0, 1, 2])).tolist() == [0.75, 4.75, 2.75]
    model.score_pairs(_one(0), _one(0)).sum().backward()
    assert model.entities.grad.tolist() == [[1.0, 2.0], [0.0, 0.0]]
    assert model.items.grad.abs().sum() == 0


def test_cofm_reg_scores_as_fm_on_vectors_of_its_own() -> None:
    model = _model("cofm-reg", {**FACTOR_TABLES, **FACT_TABLES})
    assert model.score_pairs(torch.tensor([0, 0]), torch.tensor([0, 1])).tolist() == [0.75, 5.75]


@pytest.mark.parametrize(("norm", "expected"), [("l1", (3 + 3 + 1) / 3), ("l2", (5 + 5 + 1) / 3)])
def test_cofm_reg_ties_aligned_items_to_their_entities(norm: Norm, expected: float) -> None:
    # i - e = (3, -1) - (1, 0) = (2, -1) -> 3 or 5; (1, 1) - (0, 1) = (1, 0) -> 1. Items 0, 0, 1 are aligned, 2 is not.
    model = _model("cofm-reg", {**FACTOR_TABLES, **FACT_TABLES}, norm=norm)
    assert model.regulariser(torch.tensor([0, 2, 0, 1])).item() == pytest.approx(expected)
    assert model.regulariser(_one(2)).item() == 0.0


def test_cofm_share_has_nothing_left_to_tie() -> None:
    assert _model("cofm-share", {**FACTOR_TABLES, **FACT_TABLES}).regulariser(torch.arange(3)).item() == 0.0


TUP_TABLES: dict[str, list[list[float]]] = {
    "users": [[1, 0], [0, 1]],
    "items": [[1, 1], [0, 0], [2, 0]],
    "preferences": [[1, 0], [0, 1]],
    "preference_normals": [[0, 1], [1, 0]],
}


@pytest.mark.parametrize(("norm", "expected"), [("l1", 1.0), ("l2", 1.0)])
def test_tup_hard_uses_the_preference_with_the_largest_phi(norm: Norm, expected: float) -> None:
    # phi = (u + i).p = (2, 1).p -> (2, 1): k = 0, w = (0, 1). u_perp = (1, 0), i_perp = (1, 0); + p = (1, 0)
    model = _model("tup", TUP_TABLES, norm=norm, strategy="hard", n_preferences=2)
    assert model.score_pairs(_one(0), _one(0)).item() == pytest.approx(-expected)
    assert model.preference_weights(_one(0), _one(0)).tolist() == [[1.0, 0.0]]


def test_tup_soft_mixes_preferences_by_the_softmax_of_phi() -> None:
    # phi = (2, 1): a = (e/(1+e), 1/(1+e)) = (a, b). p = (a, b), w = (b, a). u - i = (0, -1) = delta.
    # w.delta = -a; delta_perp = (0, -1) + a (b, a) = (ab, a^2 - 1); + p = (ab + a, a^2 - 1 + b)
    model = _model("tup", TUP_TABLES, norm="l2", strategy="soft", n_preferences=2)
    a = math.e / (1 + math.e)
    b = 1 - a
    expected = (a * b + a) ** 2 + (a * a - 1 + b) ** 2
    assert model.preference_weights(_one(0), _one(0))[0].tolist() == pytest.approx([a, b])
    assert model.score_pairs(_one(0), _one(0)).item() == pytest.approx(-expected, abs=1e-6)
    as_l1 = _model("tup", TUP_TABLES, norm="l1", strategy="soft", n_preferences=2)
    assert as_l1.score_pairs(_one(0), _one(0)).item() == pytest.approx(-(a * b + a + abs(a * a - 1 + b)), abs=1e-6)


def test_a_lower_temperature_sharpens_the_attention() -> None:
    # phi / tau = (2, 1) / 0.5 = (4, 2): weights e^2/(1+e^2), 1/(1+e^2)
    model = _model("tup", TUP_TABLES, norm="l2", strategy="soft", n_preferences=2, temperature=0.5)
    a = math.e**2 / (1 + math.e**2)
    assert model.preference_weights(_one(0), _one(0))[0].tolist() == pytest.approx([a, 1 - a])


KTUP_TABLES: dict[str, list[list[float]]] = {
    "users": [[1, 0], [0, 1]],
    "items": [[1, 0], [0, 0], [2, 0]],
    "entities": [[0, 1], [4, 4]],
    "relations": [[0.5, 0], [0, 0.5]],
    "relation_normals": [[0, 1], [1, 0]],
    "preferences": [[0.5, 0], [0, 0.5]],
    "preference_normals": [[1, 0], [0, 1]],
}


def test_c65_ktup_adds_entity_relation_and_normals_before_it_translates() -> None:
    # i^ = (1, 1), p^ = ((1, 0), (0, 1)), w^ = ((1, 1), (1, 1)). phi = (2, 1).p^ = (2, 1): k = 0.
    # delta = u - i^ = (0, -1); w.delta = -1; delta_perp = (1, 0); + p^ = (2, 0)
    model = _model("ktup", KTUP_TABLES, norm="l2", strategy="hard")
    assert model.score_pairs(_one(0), _one(0)).item() == pytest.approx(-4.0)
    assert _model("ktup", KTUP_TABLES, norm="l1", strategy="hard").score_pairs(_one(0), _one(0)).item() == -2.0


def test_ktup_soft_matches_the_paper_line_by_line() -> None:
    # Same phi = (2, 1): p = a p^_0 + b p^_1 = (a, b); w = (1, 1) whatever the mixture. delta_perp = (1, 0).
    model = _model("ktup", KTUP_TABLES, norm="l2", strategy="soft")
    a = math.e / (1 + math.e)
    expected = (1 + a) ** 2 + (1 - a) ** 2
    assert model.score_pairs(_one(0), _one(0)).item() == pytest.approx(-expected, abs=1e-6)


def test_ktup_mean_halves_the_three_sums() -> None:
    # i^ = (0.5, 0.5), p^_0 = (0.5, 0), w^ = (0.5, 0.5). phi = (1.5, 0.5).p^ = (0.75, 0.25): k = 0.
    # delta = (0.5, -0.5); w.delta = 0; + p^_0 = (1, -0.5); squared length 1.25
    model = _model("ktup", KTUP_TABLES, norm="l2", strategy="hard", combine="mean")
    assert model.score_pairs(_one(0), _one(0)).item() == pytest.approx(-1.25)


def test_a_preference_scale_shortens_the_way_and_the_attention_but_not_the_relation() -> None:
    # As above with p^_0 = (0.25, 0): phi = (0.375, 0.125): k = 0. delta + p^_0 = (0.75, -0.5); squared length 0.8125
    model = _model("ktup", KTUP_TABLES, norm="l2", strategy="hard", combine="mean", preference_scale=0.5)
    assert model.score_pairs(_one(0), _one(0)).item() == pytest.approx(-0.8125)
    assert model.score_triples(_one(0), _one(0), _one(1)).item() == pytest.approx(-12.25)


@pytest.mark.parametrize("combine", ["sum", "mean"])
def test_an_unaligned_item_keeps_its_own_embedding(combine: str) -> None:
    model = _model("ktup", KTUP_TABLES, norm="l2", strategy="hard", combine=combine)
    assert model.item_vectors(_one(2)).tolist() == [[2.0, 0.0]]
    assert model.item_vectors()[2].tolist() == [2.0, 0.0]


def test_ktup_completes_facts_as_transh_on_its_own_tables() -> None:
    # w_r = (0, 1): h_perp = (0, 0), t_perp = (4, 0), r = (0.5, 0): (-3.5, 0)
    model = _model("ktup", KTUP_TABLES, norm="l2", strategy="soft", combine="mean")
    assert model.score_triples(_one(0), _one(0), _one(1)).item() == pytest.approx(-12.25)


def test_both_tasks_move_entities_relations_and_relation_normals() -> None:
    shared = ("entities", "relations", "relation_normals")
    model = _model("ktup", KTUP_TABLES, norm="l2", strategy="soft")
    model.score_pairs(_one(1), _one(1)).sum().backward()
    by_recommendation = {name for name in shared if getattr(model, name).grad.abs().sum() > 0}
    model.zero_grad()
    model.score_triples(_one(0), _one(0), _one(1)).sum().backward()
    by_completion = {name for name in shared if getattr(model, name).grad.abs().sum() > 0}
    assert by_recommendation == by_completion == set(shared)


def test_straight_through_gumbel_is_one_hot_forward_and_soft_backward() -> None:
    model = _model("tup", TUP_TABLES, norm="l2", strategy="hard", n_preferences=2)
    logits = torch.tensor([[2.0, 1.0]], requires_grad=True)
    weights = model.space.induce(logits, torch.Generator().manual_seed(3))
    torch.testing.assert_close(weights.detach().sort(dim=1).values, torch.tensor([[0.0, 1.0]]))
    weights[0, 0].backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum() > 0


def test_gumbel_noise_draws_each_preference_as_often_as_its_probability() -> None:
    model = _model("tup", TUP_TABLES, norm="l2", strategy="hard", n_preferences=2)
    logits = torch.tensor([2.0, 1.0]).repeat(20_000, 1)
    share = model.space.induce(logits, torch.Generator().manual_seed(0))[:, 0].mean().item()
    # softmax(2, 1) = 0.7311; three standard errors of 20,000 draws are 0.0094
    assert share == pytest.approx(math.e / (1 + math.e), abs=0.0094)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_hyperplane_distances_hold_for_normals_of_any_length(norm: Norm) -> None:
    generator = torch.Generator().manual_seed(0)
    targets, normals, points = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (4, 4, 6))
    found = hyperplane_distances(targets, normals, torch.arange(len(normals)), points, norm)
    for b in range(4):
        difference = targets[b] - project(points, normals[b])
        expected = difference.abs().sum(-1) if norm == "l1" else difference.square().sum(-1)
        torch.testing.assert_close(found[b], expected)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e10, 1e19, 1e30])
def test_constraints_keep_the_direction_of_a_row_however_long_it_is(scale: float) -> None:
    table = torch.tensor([[3.0, 4.0], [-0.6, 0.8]]) * scale
    on_sphere, in_ball = table.clone(), table.clone()
    keep_on_unit_sphere_(on_sphere)
    keep_in_unit_ball_(in_ball)
    torch.testing.assert_close(on_sphere, torch.tensor([[0.6, 0.8], [-0.6, 0.8]]))
    torch.testing.assert_close(in_ball, table if scale < 0.1 else torch.tensor([[0.6, 0.8], [-0.6, 0.8]]))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_constraints_do_not_hide_a_number_that_is_not_finite(bad: float) -> None:
    for keep in (keep_on_unit_sphere_, keep_in_unit_ball_):
        table = torch.tensor([[bad, 1.0], [0.6, 0.8]])
        keep(table)
        assert not torch.isfinite(table[0]).all()
        assert table[1].tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("nobody", {}, "model.name"),
        ("ktup", {"embedding": 3}, "model.embedding"),
        ("ktup", {"embedding_size": 0}, "model.embedding_size"),
        ("ktup", {"embedding_size": 2.5}, "model.embedding_size"),
        ("ktup", {"norm": "l3"}, "model.norm"),
        ("ktup", {"temperature": float("inf")}, "model.temperature"),
        ("ktup", {"temperature": True}, "model.temperature"),
        ("fm", {"bounded": 1}, "model.bounded: 1 is neither true nor false"),
        ("bprmf", {"norm": "l2"}, "model.norm: bprmf has no such setting; it has bounded, embedding_size"),
        ("ktup-soft", {"strategy": "hard"}, "model.strategy: 'hard' is not 'soft', which the name ktup-soft settles"),
        ("cofm-reg", {"tie": "share"}, "model.tie: 'share' is not 'reg', which the name cofm-reg settles"),
    ],
)
def test_a_bad_setting_of_a_model_is_told_by_its_name(name: str, values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        config_from(name, values)
