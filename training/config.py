"""The settings of a training run: frozen, read from TOML, each error by the name of its field.

A preset file holds the settings of one model and, in sections `[systems.NAME]`, what is different for others; those are
read by training/presets.py.
"""

import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from models.registry import LARGEST
from training.setting_names import names_of, unknown_name

CHANGED = "--set"
"""The origin, in errors, of settings that were changed for one run; no file that anybody wrote is to blame for them."""

PRESETS = Path(__file__).parent / "presets"


class ConfigError(ValueError):
    """A setting is missing, unknown or out of range; the message names the field, and the file or `--set`."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class RecommendationLoss(_Section):
    """How a pair is taught: `softmax` compares it with many negatives at once, `bpr` with one (the paper's loss).

    `listwise` takes whole users: each of a user's items is compared with all items that are not theirs.
    """

    loss: Literal["softmax", "bpr", "listwise"] = Field(
        "softmax", description="softmax: against many negatives; bpr: against one; listwise: whole users, all items"
    )
    negatives: int = Field(
        256,
        ge=1,
        le=LARGEST,
        description="negatives of a batch, shared by its rows; listwise: all items where there are no more",
    )
    user_balance: float = Field(
        0.0, ge=-2, le=2, description="listwise: a pair of a user with n items weighs n ** -balance; 1: all users alike"
    )
    sharpness: float = Field(5.0, gt=0, description="s of the softmax over s * score")
    regulariser_weight: float = Field(1.0, ge=0, description="of a model's own regulariser: cofm-reg's | i - e |")
    orthogonality_weight: float = Field(0.0, ge=0, description="of sum (w . p)^2 / |p|^2 over the preferences, if any")
    induction_weight: float = Field(
        0.0, ge=0, description="ktup: of teaching a pair to induce the relations that tie it to the history"
    )
    necessity_weight: float = Field(0.0, ge=0, description="ktup: of teaching that a pair needs what it induces first")


class CompletionLoss(_Section):
    """How a triple is taught. `margin` is the paper's loss, with one corruption; `softmax` compares with many."""

    loss: Literal["softmax", "margin"] = Field(
        "softmax", description="softmax: against many corruptions; margin: against one"
    )
    batch_size: int = Field(2048, ge=1, description="triples in one step")
    negatives: int = Field(256, ge=1, le=LARGEST, description="entities of a batch (softmax), shared by its rows")
    sharpness: float = Field(5.0, gt=0, description="s of the softmax over s * score")
    margin: float = Field(1.0, gt=0, description="by how much a fact is to be better than its corruption")
    reduction: Literal["mean", "sum"] = Field("mean", description="of the margin loss over a batch")

    @field_validator("reduction")
    @classmethod
    def _only_the_margin_is_summed(cls, reduction: str, info: ValidationInfo) -> str:
        if reduction == "sum" and info.data.get("loss") != "margin":
            raise ValueError("only the margin loss is summed; the softmax is a mean")
        return reduction


class OptimiserSettings(_Section):
    """How weights are moved. Weight decay (L2) is part of the gradient.

    `rows = "touched"` moves the rows of users, items and entities that a batch has gathered, and only then what their
    momentum owes since they were last met: the steps of Adam and Adagrad over whole tables, without walking through
    those at every step (training/touched.py, docs/decisions/0010-training-speed.md).
    """

    name: Literal["adam", "adagrad"] = Field("adam", description="how steps are made of gradients")
    learning_rate: float = Field(1e-3, gt=0, description="at the start, where the schedule lowers it")
    weight_decay: float = Field(0.0, ge=0, description="L2, as part of the gradient")
    rows: Literal["all", "touched"] = Field(
        "all", description="touched: faster where a batch is small beside the tables"
    )
    schedule: Literal["constant", "cosine", "halving"] = Field(
        "constant", description="halving: by half, and moments forgotten, at each validation without a new best"
    )
    clip_norm: float | None = Field(None, gt=0, description="most length of the gradient; none: not clipped")


class ValidationSettings(_Section):
    """When and by what the best epoch is chosen: on the validation split, never on test."""

    every: int = Field(1, ge=1, description="epochs between two validations")
    patience: int = Field(5, ge=1, description="validations without a new best before the run stops")
    top_n: int = Field(10, ge=1, le=LARGEST, description="length of the lists that are measured")
    triples: int = Field(2000, ge=1, description="validation triples ranked, drawn once by the seed")
    metric: Literal["f1", "ndcg", "recall", "hit", "hits", "mrr", "both"] = Field(
        "f1",
        description="f1, ndcg, recall, hit rank items; hits, mrr rank entities; both: geometric mean of f1 and hits",
    )


class TrainingConfig(_Section):
    """One run, whole."""

    model: dict[str, Any] = Field(description="name, and the settings of that model")
    protocol: Literal["strict", "paper"] = Field(
        "strict", description="how it is measured, and what negatives avoid: docs/explanation/protocols.md"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="of everything that is drawn")
    epochs: int = Field(30, ge=1, description="at most; validation may stop the run before")
    stop_epoch: int | None = Field(None, ge=1, description="stop after this one; schedules are still those of epochs")
    refit: bool = Field(False, description="learn from the validation interactions too; then they choose nothing")
    refit_facts: bool = Field(False, description="in a refit: learn from the validation facts too")
    batch_size: int = Field(1024, ge=1, description="interactions in one step; listwise: users")
    data_shards: int = Field(
        1, ge=1, description="shards of users, each shuffled for itself; several processes hold as many of them each"
    )
    joint_weight: float = Field(0.5, ge=0, le=1, description="lambda: L = lambda L_rec + (1 - lambda) L_kg")
    joint: Literal["sum", "steps"] = Field("sum", description="lambda weighs the losses, or is a share of the steps")
    recommendation: RecommendationLoss = RecommendationLoss()
    completion: CompletionLoss = CompletionLoss()
    optimiser: OptimiserSettings = OptimiserSettings()
    validation: ValidationSettings = ValidationSettings()

    @field_validator("model")
    @classmethod
    def _model_is_named(cls, model: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(model.get("name"), str):
            raise ValueError('it has no name; name it, as in name = "ktup"')
        return model

    @field_validator("joint")
    @classmethod
    def _some_steps_recommend(cls, joint: str, info: ValidationInfo) -> str:
        if joint == "steps" and info.data.get("joint_weight") == 0:
            raise ValueError("with joint_weight = 0 no step recommends; an epoch is a pass over the interactions")
        return joint

    @property
    def model_name(self) -> str:
        """The registry name of the model."""
        return str(self.model["name"])

    @property
    def model_settings(self) -> dict[str, Any]:
        """The model's own settings."""
        return {key: value for key, value in self.model.items() if key != "name"}


@dataclass(frozen=True)
class PresetFile:
    """A preset as it stands: the name of its file, the common settings, and a section for each system it speaks of."""

    source: str
    common: Mapping[str, Any]
    systems: Mapping[str, Mapping[str, Any]]

    @property
    def own_model(self) -> Any:
        """The name of the preset's own model: what the common settings are made for."""
        model = self.common.get("model")
        return model.get("name") if isinstance(model, dict) else None

    def changes(self, system: str) -> dict[str, Any]:
        """Give the dotted settings that are different for a system; `warm_starts` is none of them."""
        return _dotted({key: value for key, value in self.systems.get(system, {}).items() if key != "warm_starts"})


def preset_names() -> list[str]:
    """List the presets that ship with the source."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def read_preset(preset_or_path: str) -> PresetFile:
    """Read a preset by name, or a TOML file by path; `dbbook2014` is short for `dbbook2014-best`.

    Raises:
        ConfigError: no such preset or file, bad TOML, or `systems` is not made of sections.
    """
    path = next((p for p in _places(preset_or_path) if p.is_file()), None)
    if path is None:
        raise ConfigError(f"{preset_or_path!r} is neither a preset ({', '.join(preset_names())}) nor a TOML file")
    try:
        common = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # with the mark of Windows before it, too
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    systems = common.pop("systems", {})
    if not isinstance(systems, dict) or not all(isinstance(section, dict) for section in systems.values()):
        raise ConfigError(f"{path.name}: systems: expected sections, as in [systems.bprmf]")
    return PresetFile(path.name, common, systems)


def with_changes(settings: Mapping[str, Any], changes: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Give a copy of settings in which dotted names have other values; `source` names their origin in the error.

    Raises:
        ConfigError: a name lies below a value.

    >>> with_changes({"epochs": 3, "model": {"name": "tup"}}, {"model.norm": "l1"}, "mine.toml")
    {'epochs': 3, 'model': {'name': 'tup', 'norm': 'l1'}}
    """
    values = deepcopy(dict(settings))
    for name, value in changes.items():
        _set(values, name, value, source)
    return values


def parse_config(values: dict[str, Any], source: str) -> TrainingConfig:
    """Check plain values; `source` names their origin in the error.

    Raises:
        ConfigError: a bad setting, by its name.
    """
    try:
        return TrainingConfig.model_validate(values)
    except ValidationError as error:
        own = values["model"] if isinstance(values.get("model"), dict) else {}
        known = [*names_of(TrainingConfig), *(f"model.{name}" for name in own)]
        raise ConfigError("\n".join(f"{source}: {_spell(dict(e), known)}" for e in error.errors())) from None


def _spell(error: dict[str, Any], known: Sequence[str]) -> str:
    field, message = ".".join(map(str, error["loc"])), str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return unknown_name(field, known, "section" if isinstance(error["input"], dict) else "setting")
    given = "" if error["type"] == "missing" else f", got {error['input']!r}"
    return f"{field or 'settings'}: {message}{given}"


def _set(values: dict[str, Any], dotted: str, value: Any, source: str) -> None:
    *sections, key = dotted.split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise ConfigError(f"{source}: {dotted}: {section} is a value, not a section")
    values[key] = value


def _dotted(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten tables: TOML reads `model.norm = "l1"` as a table, `"model.norm" = "l1"` as a name."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        flat |= _dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _places(preset_or_path: str) -> list[Path]:
    return [PRESETS / f"{preset_or_path}.toml", PRESETS / f"{preset_or_path}-best.toml", Path(preset_or_path)]
