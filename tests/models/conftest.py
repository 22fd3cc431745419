"""Small seeded models: every registry entry in every variant of its equations."""

from typing import Any

import pytest
import torch

from models.interface import Sizes
from models.registry import REGISTRY, build, config_from

SIZES = Sizes(7, 11, 13, 3, torch.tensor([0, 5, -1, 5, 12, -1, 1, 2, 3, 4, 6]))
"""Items 1 and 3 share an entity; items 2 and 5 have none."""

Variant = tuple[str, dict[str, Any]]

NORMS, STRATEGIES = ("l1", "l2"), ("soft", "hard")
COMPLETION: list[Variant] = [(name, {"norm": norm}) for name in ("transe", "transh", "transr") for norm in NORMS]
RAW: list[Variant] = [
    *(("tup-soft", {"norm": norm, "n_preferences": 4, "attention": "raw"}) for norm in NORMS),
    *(
        ("ktup-soft", {"norm": norm, "combine": combine, "attention": "raw"})
        for norm in NORMS
        for combine in ("sum", "mean", "mean-preferences")
    ),
]
TUP: list[Variant] = [(f"tup-{s}", {"norm": norm, "n_preferences": 4}) for norm in NORMS for s in STRATEGIES]
TUP += [("tup-soft", {"norm": norm, "n_preferences": 4, "preference_scale": 0.4}) for norm in NORMS]
KTUP: list[Variant] = [
    (f"ktup-{strategy}", {"norm": norm, "combine": combine, "temperature": temperature, "preference_scale": scale})
    for norm in NORMS
    for strategy in STRATEGIES
    for combine, temperature, scale in (("sum", 1.0, 1.0), ("mean", 0.3, 0.4))
]
CFKG: list[Variant] = [("cfkg", {"norm": norm}) for norm in NORMS]
FACTORS: list[Variant] = [(name, {"bounded": bounded}) for name in ("fm", "bprmf") for bounded in (True, False)]
JOINT_FACTORS: list[Variant] = [
    (name, {"norm": norm, "bounded": bounded})
    for name in ("cke", "cofm-share", "cofm-reg")
    for norm, bounded in (("l1", True), ("l2", False))
]
BY_PREFERENCE, BY_DISTANCE = TUP + KTUP + RAW, TUP + KTUP + RAW + CFKG
ITEMS, TRIPLES = BY_DISTANCE + FACTORS + JOINT_FACTORS, COMPLETION + KTUP + CFKG + JOINT_FACTORS
ALL = [*COMPLETION, *ITEMS]


def _name(variant: Variant) -> str:
    return "-".join([variant[0], *map(str, variant[1].values())])


def _make(variant: Variant) -> Any:
    """Give a model without a zero in it: biases that start at 0 would hide a bias that is left out."""
    name, settings = variant
    generator = torch.Generator().manual_seed(0)
    model = build(name, config_from(name, {"embedding_size": 6, **settings}), SIZES, generator)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if "bias" in parameter_name or "matrices" in parameter_name:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.fixture(params=ITEMS, ids=_name)
def item_model(request: pytest.FixtureRequest) -> Any:
    """Every model that scores items."""
    return _make(request.param)


@pytest.fixture(params=BY_PREFERENCE, ids=_name)
def preference_model(request: pytest.FixtureRequest) -> Any:
    """Every model that induces preferences."""
    return _make(request.param)


@pytest.fixture(params=BY_DISTANCE, ids=_name)
def distance_model(request: pytest.FixtureRequest) -> Any:
    """Every model whose scores of items are negated distances; those of the others are inner products."""
    return _make(request.param)


@pytest.fixture(params=TRIPLES, ids=_name)
def triple_model(request: pytest.FixtureRequest) -> Any:
    """Every model that scores triples."""
    return _make(request.param)


@pytest.fixture(params=ALL, ids=_name)
def any_model(request: pytest.FixtureRequest) -> Any:
    """Every model."""
    return _make(request.param)


@pytest.fixture(params=ALL, ids=_name)
def twins(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """Every model, made twice from the same seed."""
    return _make(request.param), _make(request.param)


@pytest.fixture(scope="session", autouse=True)
def _variants_cover_the_registry() -> None:
    missing = set(REGISTRY) - {name for name, _ in ALL}
    assert not missing, f"no variant under the contract for {missing}"
