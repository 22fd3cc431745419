"""A preset's recipe for each of the thirteen systems: its settings, and what it begins from.

    [systems.cke]                            of cke, in a preset file:
    "recommendation.sharpness" = 7.0         a setting that is not the common one
    warm_starts = ["bprmf", "transr"]        the systems whose checkpoints it begins from

A system's model has, of the preset's `[model]`, the settings that its own config has; its name settles the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from graphlib import CycleError, TopologicalSorter
from typing import Any

from models.registry import REGISTRY, config_from
from training.config import CHANGED, ConfigError, PresetFile, TrainingConfig, parse_config, read_preset, with_changes


@dataclass(frozen=True)
class SystemRecipe:
    """How a system is trained: its settings, and the systems that are trained before it and that it begins from."""

    name: str
    config: TrainingConfig
    warm_starts: tuple[str, ...]


def load_recipe(preset_or_path: str, system: str | None, overrides: Mapping[str, Any] | None = None) -> SystemRecipe:
    """Read what a preset, by name or path, says of a system; None is the preset's own model.

    `overrides` are dotted names with values ("model.norm": "l1"); they win over the preset.

    Raises:
        ConfigError: no such preset or system, a bad setting of the file or of the overrides, or warm starts that are no
            systems or go round in a circle; the message names the field, and the file or `--set`.
    """
    preset = read_preset(preset_or_path)
    own, starts = _checked(preset.common, preset.source).model_name, _warm_starts(preset)
    name, settings = own, dict(preset.common)
    if system is not None and system != own:
        _check_system(system, preset.source)
        name, settings["model"] = system, _model_of(system, preset)
    place = f"{preset.source}: systems.{name}"
    settings = with_changes(settings, preset.changes(name), place)
    _checked(settings, place, name)
    config = _checked(with_changes(settings, overrides or {}, CHANGED), CHANGED, system)
    return SystemRecipe(config.model_name, config, starts.get(config.model_name, ()))


def _model_of(system: str, preset: PresetFile) -> dict[str, Any]:
    """Give a system's model section: its name, and what it can take of the preset's."""
    entry = REGISTRY[system]
    able = {field.name for field in fields(entry.config)} - set(entry.settled)
    return {"name": system, **{key: value for key, value in preset.common["model"].items() if key in able}}


def _checked(settings: Mapping[str, Any], place: str, name: str | None = None) -> TrainingConfig:
    config = parse_config(dict(settings), place)
    if name is not None and config.model_name != name:
        raise ConfigError(f"{place}: model.name: {config.model_name!r} is not the system {name!r}")
    try:
        config_from(config.model_name, config.model_settings)
    except ValueError as error:
        raise ConfigError(f"{place}: {error}") from None
    return config


def _warm_starts(preset: PresetFile) -> dict[str, tuple[str, ...]]:
    """Read what each system begins from, for all sections of a preset at once."""
    starts = dict[str, tuple[str, ...]]()
    for name, section in preset.systems.items():
        place = f"{preset.source}: systems.{name}"
        _check_system(name, place)
        given = section.get("warm_starts", [])
        if not isinstance(given, list):
            raise ConfigError(f"{place}.warm_starts: expected a list of systems, got {given!r}")
        for source in given:
            _check_system(source, f"{place}.warm_starts")
        starts[name] = tuple(given)
    try:
        TopologicalSorter(starts).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        way = " -> ".join(circle)
        raise ConfigError(f"{preset.source}: systems.{circle[-1]}.warm_starts: a circle: {way}") from None
    return starts


def _check_system(name: Any, place: str) -> None:
    if not isinstance(name, str) or name not in REGISTRY:
        raise ConfigError(f"{place}: {name!r} is none of the systems {', '.join(REGISTRY)}")
