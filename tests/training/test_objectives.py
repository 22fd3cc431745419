"""What a batch is compared with, and how lambda joins the two losses."""

from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from models.retrieval.ranking import RowLists
from tests.training.planted import CPU, rows
from training.config import CompletionLoss, RecommendationLoss
from training.objectives import CompletionObjective, ListwiseObjective, RecommendationObjective, joined
from training.sampling.membership import KnownFacts, KnownSet


class Fixed:
    """Scores item i as -i for everyone, and a triple as -(head + tail)."""

    def score_pairs(self, users: Tensor, items: Tensor, *, generator: Generator | None = None) -> Tensor:
        return -items.double()

    def score_items(
        self, users: Tensor, candidates: Tensor | None = None, *, generator: Generator | None = None
    ) -> Tensor:
        candidates = torch.arange(4) if candidates is None else candidates
        return -candidates.double().repeat(len(users), 1)

    def score_triples(self, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
        return -(heads + tails).double()

    def score_tails(self, heads: Tensor, relations: Tensor, candidates: Tensor) -> Tensor:
        return -(heads.unsqueeze(1) + candidates).double()

    def score_heads(self, relations: Tensor, tails: Tensor, candidates: Tensor) -> Tensor:
        return -(candidates + tails.unsqueeze(1)).double()


SEEDED = Generator().manual_seed(0)
ONE_PAIR, ONE_TRIPLE = torch.tensor([[0, 0]]), torch.tensor([[0, 0, 0]])


def loss_of(objective: Any, model: Any, rows: Tensor, generator: Generator) -> Tensor:
    """Draw what the rows are compared with, and give the loss."""
    found: Tensor = objective.loss(model, objective.draw(rows, generator), generator)
    return found


def recommendation(**settings: Any) -> RecommendationObjective:
    """Two items, of which the only user knows item 0: item 1 is the only negative."""
    known = KnownSet(rows((0, 0)), (1, 2), CPU)
    return RecommendationObjective(RecommendationLoss(**settings), rows((0, 0)), known, 2)


def completion(**settings: Any) -> CompletionObjective:
    """Two entities and the only fact (0, 0, 0): the corruptions are (1, 0, 0) and (0, 0, 1), both scored -1."""
    known = KnownSet(rows((0, 0, 0)), (2, 1, 2), CPU)
    facts = rows((0, 0, 0))
    return CompletionObjective(CompletionLoss(**settings), facts, known, KnownFacts(facts, 2, 1), 2)


def test_bpr_compares_with_one_unknown_item() -> None:
    # -log sigma(0 - (-1)) = log(1 + e^-1)
    assert loss_of(recommendation(loss="bpr"), Fixed(), ONE_PAIR, SEEDED).item() == pytest.approx(0.313262, abs=1e-6)


def test_softmax_compares_with_every_draw_but_the_known_item() -> None:
    # With m draws of item 1 among many: log(1 + m e^-1) for the seed's own m.
    draws = torch.randint(2, (64,), generator=Generator().manual_seed(7))
    expected = torch.log(1 + draws.sum() * torch.tensor(-1.0).exp())
    loss = loss_of(recommendation(negatives=64, sharpness=1.0), Fixed(), ONE_PAIR, Generator().manual_seed(7))
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)


def listwise(known: Tensor | None = None, **settings: Any) -> ListwiseObjective:
    """Four items of scores 0, -1, -2, -3; user 0 has items 0 and 1, user 1 has item 3."""
    positives = rows((0, 0), (0, 1), (1, 3))
    lists = RowLists.of_pairs(positives, 2)
    known_lists = lists if known is None else RowLists.of_pairs(known.numpy(), 2)
    settings = {"loss": "listwise", "sharpness": 1.0, **settings}
    return ListwiseObjective(RecommendationLoss(**settings), rows((0,), (1,)), lists, known_lists, 4)


EVERYONE = torch.tensor([[0], [1]])
# User 0 against items 2, 3: e^-2 + e^-3 = 0.185122, log(1 + 0.185122 e^0) = 0.169846, log(1 + 0.185122 e^1) = 0.407606.
# User 1 against items 0, 1, 2: 1 + e^-1 + e^-2 = 1.503215, log(1 + 1.503215 e^3) = 3.440190.


@pytest.mark.parametrize(
    ("balance", "expected"),
    [
        (0.0, (0.169846 + 0.407606 + 3.440190) / 3),
        (1.0, ((0.169846 + 0.407606) / 2 + 3.440190) / 2),
    ],
    ids=["pairs alike", "users alike"],
)
def test_listwise_compares_each_item_of_a_user_with_all_that_are_not_theirs(balance: float, expected: float) -> None:
    loss = loss_of(listwise(user_balance=balance), Fixed(), EVERYONE, SEEDED)
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_listwise_leaves_what_a_protocol_knows_out_of_the_others() -> None:
    # Item 2 of user 0 is known but no positive: only item 3 is left, log(1 + e^-3) and log(1 + e^-2)
    known = torch.tensor([[0, 0], [0, 1], [0, 2], [1, 3]])
    loss = loss_of(listwise(known), Fixed(), EVERYONE[:1], SEEDED)
    assert loss.item() == pytest.approx((0.048587 + 0.126928) / 2, abs=1e-6)


def test_listwise_estimates_the_sum_over_others_from_those_drawn() -> None:
    draws = torch.randint(4, (3,), generator=Generator().manual_seed(7))
    usable = draws[draws >= 2]
    assert 0 < len(usable) < 3
    total = 2 / len(usable) * (-usable.double()).exp().sum()
    expected = (torch.log(1 + total) + torch.log(1 + total * torch.tensor(1.0).exp())) / 2
    loss = loss_of(listwise(negatives=3), Fixed(), EVERYONE[:1], Generator().manual_seed(7))
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)


class Learning(Fixed):
    """Scores all items by one weight each, which learns."""

    def __init__(self) -> None:
        self.weights = torch.zeros(4, dtype=torch.float64, requires_grad=True)

    def score_items(
        self, users: Tensor, candidates: Tensor | None = None, *, generator: Generator | None = None
    ) -> Tensor:
        return self.weights.repeat(len(users), 1)


def test_a_user_who_has_every_item_teaches_listwise_nothing_and_gives_no_nan() -> None:
    everything = torch.tensor([[0, 0], [0, 1], [0, 2], [0, 3], [1, 3]])
    model = Learning()
    loss = loss_of(listwise(everything), model, EVERYONE[:1], SEEDED)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0.0
    assert model.weights.grad is not None
    assert model.weights.grad.tolist() == [0.0] * 4


def test_margin_compares_with_one_corruption() -> None:
    # distances 0 and 1, margin 3: 3 + 0 - 1
    assert loss_of(completion(loss="margin", margin=3.0), Fixed(), ONE_TRIPLE, SEEDED).item() == pytest.approx(2.0)


def test_softmax_of_facts_is_the_mean_of_both_sides() -> None:
    draws = torch.randint(2, (64,), generator=Generator().manual_seed(7))
    one_side = torch.log(1 + draws.sum() * torch.tensor(-1.0).exp())
    loss = loss_of(completion(negatives=64, sharpness=1.0), Fixed(), ONE_TRIPLE, Generator().manual_seed(7))
    assert loss.item() == pytest.approx(one_side.item(), abs=1e-5)


class Tied(Fixed):
    """Scores as before; its regulariser is the sum of the item rows that it is given."""

    def regulariser(self, items: Tensor) -> Tensor:
        return items.double().sum()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # As above, with the positive 0 and the only negative 1: a sum of 1, weighted
        ({"loss": "bpr"}, 0.313262 + 1.0),
        ({"loss": "bpr", "regulariser_weight": 0.5}, 0.313262 + 0.5),
        ({"loss": "bpr", "regulariser_weight": 0.0}, 0.313262),
    ],
)
def test_a_regulariser_of_the_model_joins_the_loss_by_its_weight(settings: dict[str, Any], expected: float) -> None:
    loss = loss_of(recommendation(**settings), Tied(), ONE_PAIR, Generator().manual_seed(0))
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_a_regulariser_of_the_model_sees_positives_and_negatives_of_the_softmax() -> None:
    draws = torch.randint(2, (64,), generator=Generator().manual_seed(7)).sum().item()
    plain, tied = (
        loss_of(recommendation(negatives=64), model, ONE_PAIR, Generator().manual_seed(7)).item()
        for model in (Fixed(), Tied())
    )
    assert tied - plain == pytest.approx(draws, abs=1e-4)


class Inducing(Fixed):
    """Scores as before; it has a preference (3, 4) with the normal (1, 0): an orthogonality of 9 / 25."""

    space = None
    preferences, preference_normals = torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0]])


@pytest.mark.parametrize(
    ("model", "weight", "expected"),
    [(Inducing(), 0.5, 0.313262 + 0.18), (Inducing(), 0.0, 0.313262), (Fixed(), 0.5, 0.313262)],
    ids=["weighted", "left out", "without preferences"],
)
def test_the_orthogonality_of_preferences_joins_the_loss_by_its_weight(
    model: Fixed, weight: float, expected: float
) -> None:
    loss = loss_of(recommendation(loss="bpr", orthogonality_weight=weight), model, ONE_PAIR, SEEDED)
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_a_summed_margin_counts_each_triple_that_can_be_compared() -> None:
    # As above, 3 + 0 - 1 for each of two equal rows
    triples = ONE_TRIPLE.repeat(2, 1)
    loss = loss_of(completion(loss="margin", margin=3.0, reduction="sum"), Fixed(), triples, SEEDED)
    assert loss.item() == pytest.approx(4.0)


def test_lambda_weighs_recommendation_and_the_rest_weighs_the_graph() -> None:
    assert joined(torch.tensor(2.0), torch.tensor(10.0), 0.75).item() == pytest.approx(0.75 * 2 + 0.25 * 10)


def test_a_model_of_one_task_has_only_that_loss_unweighted() -> None:
    assert joined(torch.tensor(2.0), None, 0.75).item() == 2.0
    assert joined(None, torch.tensor(10.0), 0.75).item() == 10.0
