"""Outside baselines, as benchmarks/baselines.py leaves them: one JSON file for one data set, strict protocol, test."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.reports.results import ReportError
from training.suite.result import DatasetName

Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class RankingShares(_Part):
    """Means over users, as shares of one."""

    precision: Share
    recall: Share
    f1: Share
    hit: Share
    ndcg: Share


class Baseline(_Part):
    """One method: its settings, chosen on validation, and what it reached.

    A row that is fitted on validation too says so in its name; its `valid` is null.
    """

    name: str
    fitted_on: tuple[Literal["train", "valid"], ...] = ("train",)
    settings: dict[str, Any]
    seconds: float
    valid: RankingShares | None
    test: RankingShares


class Baselines(_Part):
    """The file as a whole."""

    data: DatasetName
    protocol: Literal["strict"]
    split: Literal["test"]
    top_n: int
    command: str = ""
    rows: tuple[Baseline, ...]


def load_baselines(path: Path) -> Baselines:
    """Read a file of baselines.

    Raises:
        ReportError: it is missing, or a field is not what it should be; the field is named.
    """
    try:
        return Baselines.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ReportError(f"{path}: no such file; benchmarks/baselines.py writes it") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise ReportError(f"{path}: {field}: {first['msg']}, got {first['input']!r}") from None
