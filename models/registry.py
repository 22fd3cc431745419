"""Every model by name: an explicit table. The names are the thirteen systems of Cao et al., WWW 2019.

A name may settle a setting: `ktup-hard` is KTUP with `strategy = "hard"`. `tup` and `ktup` are the same models by the
name of their family, with the strategy left to the settings.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_args, get_type_hints

from torch import Generator, nn

from models.completion.transe import TransE, TransEConfig
from models.completion.transh import TransH, TransHConfig
from models.completion.transr import TransR, TransRConfig
from models.interface import Sizes
from models.joint.cfkg import CFKG, CFKGConfig
from models.joint.cke import CKE, CKEConfig
from models.joint.cofm import CoFM, CoFMConfig
from models.joint.ktup import KTUP, KTUPConfig
from models.recommendation.bprmf import BPRMF, BPRMFConfig
from models.recommendation.fm import FM, FMConfig
from models.recommendation.tup import TUP, TUPConfig


@dataclass(frozen=True)
class Entry:
    """A model's class, the class of its settings, and the settings that its name settles."""

    model: Any
    config: Any
    settled: Mapping[str, str] = field(default_factory=dict)


LARGEST = 2**31 - 1
"""Of a setting that is the length of a table; libraries meet far larger ones with errors of their own."""
REGISTRY: Mapping[str, Entry] = {
    "fm": Entry(FM, FMConfig),
    "bprmf": Entry(BPRMF, BPRMFConfig),
    "tup-hard": Entry(TUP, TUPConfig, {"strategy": "hard"}),
    "tup-soft": Entry(TUP, TUPConfig, {"strategy": "soft"}),
    "cfkg": Entry(CFKG, CFKGConfig),
    "cke": Entry(CKE, CKEConfig),
    "cofm-share": Entry(CoFM, CoFMConfig, {"tie": "share"}),
    "cofm-reg": Entry(CoFM, CoFMConfig, {"tie": "reg"}),
    "ktup-hard": Entry(KTUP, KTUPConfig, {"strategy": "hard"}),
    "ktup-soft": Entry(KTUP, KTUPConfig, {"strategy": "soft"}),
    "transe": Entry(TransE, TransEConfig),
    "transh": Entry(TransH, TransHConfig),
    "transr": Entry(TransR, TransRConfig),
}

FAMILIES: Mapping[str, Entry] = {"tup": Entry(TUP, TUPConfig), "ktup": Entry(KTUP, KTUPConfig)}


def config_from(name: str, values: Mapping[str, Any]) -> Any:
    """Make the config of the model `name` from plain values.

    Raises:
        ValueError: no such model, or a setting that the model does not have or cannot take; the text says which.
    """
    entry = _entry(name)
    hints = get_type_hints(entry.config)
    known = {f.name for f in fields(entry.config)}
    for key, value in values.items():
        if key not in known:
            raise ValueError(f"model.{key}: {name} has no such setting; it has {', '.join(sorted(known))}")
        _check(f"model.{key}", hints[key], value)
        if value != entry.settled.get(key, value):
            raise ValueError(f"model.{key}: {value!r} is not {entry.settled[key]!r}, which the name {name} settles")
    return entry.config(**{**values, **entry.settled})


def build(name: str, config: Any, sizes: Sizes, generator: Generator) -> nn.Module:
    """Make a freshly initialised model; the generator (on the CPU) decides every number in it."""
    model: nn.Module = _entry(name).model(config, sizes, generator)
    return model


def config_values(config: Any) -> dict[str, Any]:
    """Give a config as plain values, for JSON."""
    return asdict(config)


def _entry(name: str) -> Entry:
    entry = REGISTRY.get(name) or FAMILIES.get(name)
    if entry is None:
        raise ValueError(f"model.name: {name!r} is none of {', '.join([*REGISTRY, *FAMILIES])}")
    return entry


def _check(key: str, hint: Any, value: Any) -> None:
    choices = get_args(hint)
    if choices and value not in choices:
        raise ValueError(f"{key}: {value!r} is none of {', '.join(map(str, choices))}")
    if hint is bool and not isinstance(value, bool):
        raise ValueError(f"{key}: {value!r} is neither true nor false")
    if hint is int and (type(value) is not int or value < 1):
        raise ValueError(f"{key}: {value!r} is not a whole number of at least 1")
    if hint is int and value > LARGEST:
        raise ValueError(f"{key}: {value!r} is larger than {LARGEST}")
    if hint is float and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf):
        raise ValueError(f"{key}: {value!r} is not a finite number above 0")
