"""The settings of training, from the classes that read them."""

import inspect
import json
from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from pydantic import BaseModel, TypeAdapter

from documentation.markdown import code, table
from documentation.settings import kind
from models.registry import FAMILIES, REGISTRY
from training.config import TrainingConfig, preset_names

_HEADER = ["setting", "value", "default", "what it does"]
_OF_MODELS: dict[type, dict[str, object]] = {int: {"type": "integer", "minimum": 1}}
_OF_MODELS[float] = {"type": "number", "exclusiveMinimum": 0}


def training_settings_page() -> str:
    """Write the page: each setting of a run, of its sections and of each model."""
    parts = [
        "# Settings of training\n\n"
        f"A preset ({', '.join(map(code, preset_names()))}, in `training/presets/`) is a TOML file of them; one of "
        "your own is named by its path. `--set epochs=3 --set model.norm=l1` changes them for one run "
        "([command line](cli.md)), `settings` of `POST /training-jobs` for one job ([API](api.md)). What neither names "
        "has its default. In `[systems.NAME]` a preset has what is different for another system, by the dotted names "
        "of this page, and in `warm_starts` the systems whose checkpoints that begins from.",
        table(_HEADER, _rows(TrainingConfig, "")),
    ]
    for name, section in _sections():
        parts.append(f"## {code(name)}\n\n{_told(section)}\n\n{table(_HEADER, _rows(section, f'{name}.'))}")
    parts.append(
        f"## {code('model')}\n\n`model.name` is one of {', '.join(map(code, [*REGISTRY, *FAMILIES]))}; the other "
        "settings are those of that model. A name may settle one: `ktup-hard` is KTUP with `strategy` `hard`."
    )
    parts += [_model(names, config) for config, names in _models().items()]
    return "\n\n".join(parts) + "\n"


def _sections() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in TrainingConfig.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield name, field.annotation


def _rows(section: type[BaseModel], before: str) -> list[list[str]]:
    properties = section.model_json_schema()["properties"]
    sections = {name for name, _ in _sections()} | {"model"} if section is TrainingConfig else set()
    return [
        [code(f"{before}{name}"), kind(properties[name]), code(_written(field.default)), field.description or ""]
        for name, field in section.model_fields.items()
        if name not in sections
    ]


def _models() -> dict[Any, list[str]]:
    """Give the classes of settings with the names of the models that have them."""
    found: dict[Any, list[str]] = {}
    for name, entry in {**REGISTRY, **FAMILIES}.items():
        found.setdefault(entry.config, []).append(name)
    return found


def _model(names: list[str], config: Any) -> str:
    hints = get_type_hints(config)
    rows = [
        [code(f"model.{field.name}"), kind(_OF_MODELS.get(hint) or TypeAdapter(hint).json_schema()), _default(field)]
        for field in fields(config)
        for hint in [hints[field.name]]
    ]
    return f"### {', '.join(map(code, names))}\n\n{_told(config)}\n\n{table(_HEADER[:3], rows)}"


def _default(field: Any) -> str:
    return "" if field.default is MISSING else code(_written(field.default))


def _told(settings: Any) -> str:
    return inspect.getdoc(settings) or ""


def _written(value: object) -> str:
    """Write a default as TOML does; nothing for none."""
    return "" if value is None else json.dumps(value).strip('"')
