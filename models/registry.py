"""Every model by name: an explicit table of (class, config)."""

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, get_args, get_type_hints

from torch import Generator, nn

from models.completion.transe import TransE, TransEConfig
from models.completion.transh import TransH, TransHConfig
from models.interface import Sizes
from models.joint.ktup import KTUP, KTUPConfig
from models.recommendation.tup import TUP, TUPConfig

REGISTRY: Mapping[str, tuple[Any, Any]] = {
    "transe": (TransE, TransEConfig),
    "transh": (TransH, TransHConfig),
    "tup": (TUP, TUPConfig),
    "ktup": (KTUP, KTUPConfig),
}


def config_from(name: str, values: Mapping[str, Any]) -> Any:
    """Make the config of the model `name` from plain values.

    Raises:
        ValueError: no such model, or a setting that the model does not have or cannot take; the text says which.
    """
    if name not in REGISTRY:
        raise ValueError(f"model.name: {name!r} is none of {', '.join(REGISTRY)}")
    config_class = REGISTRY[name][1]
    hints = get_type_hints(config_class)
    known = {f.name for f in fields(config_class)}
    for key, value in values.items():
        if key not in known:
            raise ValueError(f"model.{key}: {name} has no such setting; it has {', '.join(sorted(known))}")
        _check(f"model.{key}", hints[key], value)
    return config_class(**values)


def build(name: str, config: Any, sizes: Sizes, generator: Generator) -> nn.Module:
    """Make a freshly initialised model; the generator (on the CPU) decides every number in it."""
    model: nn.Module = REGISTRY[name][0](config, sizes, generator)
    return model


def config_values(config: Any) -> dict[str, Any]:
    """Give a config as plain values, for JSON."""
    return asdict(config)


def _check(field: str, hint: Any, value: Any) -> None:
    choices = get_args(hint)
    if choices and value not in choices:
        raise ValueError(f"{field}: {value!r} is none of {', '.join(map(str, choices))}")
    if hint is int and (type(value) is not int or value < 1):
        raise ValueError(f"{field}: {value!r} is not a whole number of at least 1")
    if hint is float and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf):
        raise ValueError(f"{field}: {value!r} is not a finite number above 0")
