"""Scores without weights are the scores with them, and where softmax is too sharp for it, weights are computed."""

import pytest
import torch

from models.catalogue import Catalogue
from models.preferences import PreferenceSpace


def catalogue(temperature: float, scale: float = 1.0, n: int = 2_500) -> Catalogue:
    """More items than a block, with vectors of about `scale`."""
    generator = torch.Generator().manual_seed(7)
    p, w, items = (torch.randn(k, 6, generator=generator, dtype=torch.float64) for k in (4, 4, n))
    return Catalogue.over(PreferenceSpace(p, w, "soft", "l2", temperature), scale * items)


MULTIPLIERS = (None, [1.0, 0.0, 1.0, 1.0], [2.0, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("multipliers", MULTIPLIERS)
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_scores_without_weights_are_those_of_the_equation(temperature: float, multipliers: list[float] | None) -> None:
    items, user = catalogue(temperature), torch.linspace(-1.0, 1.0, 6, dtype=torch.float64)
    m = None if multipliers is None else torch.tensor(multipliers, dtype=torch.float64)
    assert items._factors is not None
    torch.testing.assert_close(
        items.scores(user, m), items.literal_scores(user, torch.arange(len(items.items)), m), atol=1e-9, rtol=1e-12
    )


def test_a_softmax_too_sharp_for_products_is_computed_weight_by_weight() -> None:
    # Logits of some 100 over a temperature of 0.01 lie 10,000 apart: exp(-10,000) is 0 in float64, and so would Z be.
    items, user = catalogue(0.01, scale=30.0), torch.linspace(-1.0, 1.0, 6, dtype=torch.float64)
    assert items._factors is None
    literal = items.literal_scores(user, torch.arange(len(items.items)))
    assert bool(torch.isfinite(literal).all())
    torch.testing.assert_close(items.scores(user), literal, atol=1e-9, rtol=1e-9)
