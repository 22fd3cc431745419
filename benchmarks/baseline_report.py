"""The file that `benchmarks.baselines` writes; benchmarks/README.md documents it field by field."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from models.durable import replace_text


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Figures(_Part):
    """Means over the users of a split, as shares between 0 and 1; `ndcg` is the protocol's own."""

    precision: float
    recall: float
    f1: float
    hit: float
    ndcg: float


class GridPoint(_Part):
    """One setting that was tried, fitted on train."""

    settings: Mapping[str, Any]
    valid: Figures


class Row(_Part):
    """One recommender. `grid` is empty and `valid` null where the setting was chosen by another row."""

    name: str
    fitted_on: tuple[Literal["train", "valid"], ...]
    settings: Mapping[str, Any]
    grid: tuple[GridPoint, ...]
    seconds: float
    valid: Figures | None
    test: Figures


class DatasetName(_Part):
    """Which data set, without a path."""

    name: str
    content_hash: str


class BaselineReport(_Part):
    """The whole file."""

    data: DatasetName
    protocol: Literal["strict", "paper"]
    split: Literal["test"] = "test"
    top_n: int
    chosen_by: str
    machine: Mapping[str, Any]
    command: str
    rows: tuple[Row, ...]


def write_report(path: Path, report: BaselineReport) -> None:
    """Write the report in one step: `path` holds the whole of it or what it held before."""
    replace_text(path, report.model_dump_json(indent=1) + "\n")
