"""What is known of one trained and measured system: result.json, and users.npz with one value for each test user.

Both are replaced in one step each, result.json last: where it stands, everything that it speaks of stands too.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from models.durable import flush, replace_text
from training.evaluation.completion import Category
from training.suite.errors import SuiteError

RESULT, USERS = "result.json", "users.npz"

Metrics = dict[str, float]
Side = Literal["head", "tail"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DatasetName(_Part):
    """Which data set: its name, and the hash of its content."""

    name: str
    content_hash: str


class Machine(_Part):
    """Where the seconds were measured."""

    platform: str
    cpus: int
    python: str
    torch: str
    device: str


class SplitMetrics(_Part):
    """The metrics of one split; a task that the model has not, or the split has no rows for, is null.

    `recommendation` holds precision, recall, f1, hit, ndcg (in the protocol's form) and users; `completion` hits,
    mean_rank (from the protocol's first rank), mrr and triples; `completion_by_category` the same for each relation
    category and for heads and tails apart.
    """

    recommendation: Metrics | None
    completion: Metrics | None
    completion_by_category: dict[Category, dict[Side, Metrics]] | None


class RunResult(_Part):
    """One system, one seed, format 1. `weights` is the SHA-256 of the weights that were measured."""

    format_version: Literal[1] = 1
    system: str
    seed: int
    protocol: Literal["strict", "paper"]
    preset: str
    top_n: int
    dataset: DatasetName
    settings: dict[str, Any]
    warm_starts: tuple[str, ...]
    weights: str
    commands: tuple[str, ...]
    selected_on: str
    best_epoch: int
    epochs_run: int
    training_seconds: float
    evaluation_seconds: float
    threads: int
    machine: Machine
    valid: SplitMetrics
    test: SplitMetrics
    history: tuple[dict[str, Any], ...]


def write_result(folder: Path, result: RunResult, users: Mapping[str, NDArray[Any]] | None) -> None:
    """Write the result and, for a system that recommends, the (B,) columns of its test users."""
    if users is not None:
        partial = folder / f".{USERS}.partial"
        with partial.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **dict(users))
        flush(partial)
        partial.replace(folder / USERS)
    replace_text(folder / RESULT, result.model_dump_json(indent=2) + "\n", lasting=True)


def read_result(path: Path) -> RunResult:
    """Read a result.json.

    Raises:
        SuiteError: it is missing, cut, or of another version; the field is named.
    """
    try:
        return RunResult.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise SuiteError(f"{path}: no such file; `python -m training suite` writes it") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise SuiteError(f"{path}: {field}: {first['msg']}") from None


def read_users(folder: Path) -> dict[str, NDArray[Any]]:
    """Read users.npz: (B,) arrays `users` (ids), `train_interactions`, and the metrics of test by name.

    Raises:
        SuiteError: it is missing or cut.
    """
    path = folder / USERS
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in ("users", "train_interactions", "f1")} | dict(arrays)
    except FileNotFoundError:
        raise SuiteError(f"{path}: no such file; remove {RESULT} beside it and run the suite again") from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise SuiteError(f"{path} cannot be read: {error}; remove it and {RESULT}, and run the suite again") from None
