"""Shares of a batch make up the batch, and so does the noise that is drawn for them."""

from typing import Any

import pytest
import torch
from torch import Generator

from models.noise import exponential_like
from tests.training.planted import CPU, rows
from training import losses
from training.config import CompletionLoss
from training.objectives import CompletionObjective
from training.sampling.membership import KnownFacts, KnownSet
from training.shares import WHOLE, Share


@pytest.mark.parametrize("n", [0, 1, 2, 7, 64])
def test_shares_are_every_row_once_in_order_and_as_even_as_can_be(n: int) -> None:
    for of in (1, 2, 3, 5):
        parts = [list(range(n))[Share(rank, of).rows(n)] for rank in range(of)]
        assert [row for part in parts for row in part] == list(range(n))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize("n", [1, 5])
def test_the_noise_of_shares_is_that_of_the_whole_batch_and_leaves_generators_alike(n: int, repeats: int) -> None:
    whole_generator = Generator().manual_seed(3)
    whole = exponential_like(torch.empty(repeats * n, 4), WHOLE.noise(whole_generator, slice(0, n), n, repeats))
    drawn = []
    for rank in range(3):
        share, generator = Share(rank, 3), Generator().manual_seed(3)
        mine = share.rows(n)
        own = torch.empty(repeats * len(range(n)[mine]), 4)
        drawn.append(exponential_like(own, share.noise(generator, mine, n, repeats)).view(repeats, -1, 4))
        assert torch.equal(generator.get_state(), whole_generator.get_state())
    assert torch.equal(torch.cat(drawn, dim=1).view(-1, 4), whole)


def test_a_mean_is_over_what_all_processes_can_use_and_not_over_shares() -> None:
    values, usable = torch.tensor([1.0, 2.0, 4.0, 8.0]), torch.tensor([True, False, False, True])
    # (1 + 8) / 2 = 4.5. Cut after the first row, the shares' own means are 1 and 8; cut after the third, too.
    for cut in (1, 3):
        shares = slice(0, cut), slice(cut, 4)
        parts = [losses.mean_of(values[s], usable[s], Share(total=lambda _: usable.sum())) for s in shares]
        assert [part.item() for part in parts] == [0.5, 4.0]
    # Cut so that one share has both: the mean of the shares' own means would be (4.5 + 0) / 2.
    order = torch.tensor([0, 3, 1, 2])
    values, usable = values[order], usable[order]
    parts = [losses.mean_of(values[s], usable[s], Share(total=lambda _: usable.sum())) for s in (slice(2), slice(2, 4))]
    assert [part.item() for part in parts] == [4.5, 0.0]


class Scores:
    """Scores a triple as head + tail."""

    def score_triples(self, heads: torch.Tensor, relations: torch.Tensor, tails: torch.Tensor) -> torch.Tensor:
        return (heads + tails).float()


def test_losses_of_margins_that_are_summed_add_up_over_shares() -> None:
    facts = rows((0, 0, 0), (1, 0, 1), (2, 0, 2))
    known, lists = KnownSet(facts, (9, 1, 9), CPU), KnownFacts(facts, 9, 1)
    settings = CompletionLoss(loss="margin", reduction="sum")
    generator = Generator().manual_seed(0)
    given: dict[str, Any] = {"settings": settings, "rows": facts, "known": known, "known_facts": lists, "n_entities": 9}
    batch = CompletionObjective(**given).draw(torch.from_numpy(facts), generator)
    whole = CompletionObjective(**given).loss(Scores(), batch, generator)
    shares = [Share(rank, 2, total=lambda _: torch.tensor(3)) for rank in range(2)]  # all three can be compared
    parts = [CompletionObjective(**given, share=share).loss(Scores(), batch, generator) for share in shares]
    assert batch.usable.tolist() == [True] * 3  # type: ignore[union-attr]
    assert whole.item() > 0
    assert sum(part.item() for part in parts) == pytest.approx(whole.item())
