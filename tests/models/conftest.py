"""Small seeded models: every registry entry in every variant of its equations."""

from typing import Any

import pytest
import torch

from models.interface import Sizes
from models.registry import REGISTRY, build, config_from

SIZES = Sizes(7, 11, 13, 3, torch.tensor([0, 5, -1, 5, 12, -1, 1, 2, 3, 4, 6]))
"""Items 1 and 3 share an entity; items 2 and 5 have none."""

NORMS, STRATEGIES = ("l1", "l2"), ("soft", "hard")
COMPLETION: list[tuple[str, dict[str, Any]]] = [(n, {"norm": norm}) for n in ("transe", "transh") for norm in NORMS]
TUP: list[tuple[str, dict[str, Any]]] = [
    ("tup", {"norm": norm, "strategy": strategy, "n_preferences": 4}) for norm in NORMS for strategy in STRATEGIES
]
KTUP: list[tuple[str, dict[str, Any]]] = [
    ("ktup", {"norm": norm, "strategy": strategy, "combine": combine, "temperature": temperature})
    for norm in NORMS
    for strategy in STRATEGIES
    for combine, temperature in (("sum", 1.0), ("mean", 0.3))
]


def _name(variant: tuple[str, dict[str, Any]]) -> str:
    return "-".join([variant[0], *map(str, variant[1].values())])


def _make(variant: tuple[str, dict[str, Any]]) -> Any:
    name, settings = variant
    return build(name, config_from(name, {"embedding_size": 6, **settings}), SIZES, torch.Generator().manual_seed(0))


@pytest.fixture(params=TUP + KTUP, ids=_name)
def item_model(request: pytest.FixtureRequest) -> Any:
    """Every model that scores items."""
    return _make(request.param)


@pytest.fixture(params=COMPLETION + KTUP, ids=_name)
def triple_model(request: pytest.FixtureRequest) -> Any:
    """Every model that scores triples."""
    return _make(request.param)


@pytest.fixture(params=COMPLETION + TUP + KTUP, ids=_name)
def any_model(request: pytest.FixtureRequest) -> Any:
    """Every model."""
    return _make(request.param)


@pytest.fixture(scope="session", autouse=True)
def _variants_cover_the_registry() -> None:
    missing = set(REGISTRY) - {name for name, _ in COMPLETION + TUP + KTUP}
    assert not missing, f"no variant under the contract for {missing}"
