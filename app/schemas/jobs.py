"""Training jobs: what can be asked for, and how far one is."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from app.schemas.strict import StrictBody
from app.stored_operations import JobRequest, JobRow

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
SettingName = Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+)*$", max_length=100)]
_LARGEST = 2**53  # beyond it, JSON readers that hold numbers as floats read other integers
_LONGEST = 200


def _settable(value: object) -> object:
    """Tell what no setting can be as one error; a union alone would tell one for each of its types."""
    match value:
        case None | bool():
            fits = True
        case int():  # the union would take a larger one as a float
            fits = abs(value) <= _LARGEST
        case float():
            fits = math.isfinite(value)
        case str():
            fits = len(value) <= _LONGEST
        case _:
            fits = False
    if not fits:
        raise PydanticCustomError(
            "setting",
            "Expected true or false, a finite number, of integers within 2^53, text of up to 200 characters, or null.",
        )
    return value


SettingValue = Annotated[
    bool
    | Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
    | Annotated[float, Field(allow_inf_nan=False)]
    | Annotated[str, Field(max_length=_LONGEST)]
    | None,
    BeforeValidator(_settable),
]
Metrics = dict[str, float | None]
JobId = Annotated[str, Path(description="The job's id, as the call that started it gave it.", max_length=100)]

ORDER_EXAMPLE: dict[str, Any] = {
    "dataset": None,
    "preset": "sample",
    "settings": {"epochs": 20},
    "activate": True,
    "max_drop": 0.05,
}


class JobOrder(StrictBody):
    """What to train, and what to do with the release that comes of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [ORDER_EXAMPLE]})

    dataset: Name | None = Field(
        None,
        description="A data set directory in the workers' folder of data sets, by its name. Left out: a snapshot of "
        "what the database holds; accepted facts are among it.",
    )
    preset: Name = Field("sample", description="The settings to begin from, as `python -m training` names them.")
    system: Name | None = Field(None, description="The system of the preset to train; its own model if left out.")
    settings: dict[SettingName, SettingValue] = Field(
        default_factory=dict, max_length=100, description="Settings to change, by their dotted names."
    )
    activate: bool = Field(
        False, description="Whether to activate the release if no figure got worse than `max_drop` allows."
    )
    max_drop: float = Field(
        0.05, ge=0, le=1, allow_inf_nan=False, description="The share of a figure that the release may lose, 0 to 1."
    )
    refit: bool | None = Field(
        None,
        description="Whether the release is of a last training, on the validation rows, too. Left out: as the active "
        "release is, so that figures compare.",
    )

    def request(self) -> JobRequest:
        """Say what is asked for, without HTTP."""
        return JobRequest(**self.model_dump())


class EpochBody(BaseModel):
    """One finished epoch."""

    epoch: int = Field(description="Its number, from 1.")
    seconds: float = Field(description="How long its training took.")
    losses: Metrics = Field(description="Mean losses, by task.")
    metrics: Metrics = Field(description="Figures on the validation split; empty if it was not validated.")
    best: bool = Field(description="Whether it is the best so far.")


class ProgressBody(BaseModel):
    """How far a job is."""

    stage: str = Field(
        description="`snapshot`, `training`, `refit`, `release`, `audit`, `gate` or `activation`.",
        examples=["training"],
    )
    epoch: int = Field(description="The epoch under way, from 1; 0 before the first. A refit has epochs of its own.")
    epochs: int | None = Field(description="The last epoch, if training does not stop early; null before it began.")
    step: int = Field(description="Steps done of this epoch.")
    steps: int | None = Field(description="Steps of an epoch; null before the first.")
    seconds: float = Field(description="Time spent in finished epochs.")
    history: list[EpochBody] = Field(
        description="The finished epochs of the training that validation chose from; empty in lists of jobs."
    )


class GateCheckBody(BaseModel):
    """One figure of the new release, beside that of the active one, or the bound that every release has to keep."""

    metric: str = Field(description="The figure, by its dotted name.", examples=["recommendation.f1"])
    release: float | None = Field(description="In the new release; null if it is missing or not finite.")
    active: float | None = Field(description="In the active release; null if there is none.")
    passed: bool = Field(description="Whether it is finite, and not worse than allowed.")
    least: float | None = Field(None, description="The bound that every release has to reach; null if there is none.")
    most: float | None = Field(None, description="The bound that no release may pass; null if there is none.")


class GateBody(BaseModel):
    """Whether a new release may take over."""

    passed: bool = Field(description="Whether every check passed.")
    against: str | None = Field(description="The active release; null if none was.")
    same_data: bool | None = Field(description="Whether both were measured on the same rows; null if none was active.")
    same_splits: bool | None = Field(
        None,
        description="Whether both learnt from the same splits: a refit learnt from validation, too, and has higher "
        "figures for it. Null if none was active, or the job is an older one.",
    )
    checks: list[GateCheckBody] = Field(description="One for each figure that decides.")


class JobErrorBody(BaseModel):
    """Why a job failed."""

    code: str = Field(
        description="`unknown_dataset`, `nothing_to_train`, `training_refused`, `training_failed`, `refit_refused`, "
        "`refit_failed`, `release_refused`, `release_failed`, `audit_failed`, `killed`, `gave_up` or `internal_error`."
    )
    message: str = Field(description="In words, for people; no trace.")
    exit_code: int | None = Field(description="Of the process that failed; negative for a signal; null if none did.")


class JobBody(BaseModel):
    """A training job."""

    job_id: str = Field(description="The job.")
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"] = Field(description="Where it stands.")
    cause: Literal["call", "schedule"] = Field(description="Who asked for it.")
    order: JobOrder = Field(description="What was asked for.")
    cancel_requested: bool = Field(description="Whether its worker was asked to end it.")
    attempts: int = Field(description="Workers that took it; more than one where a worker died.")
    created_at: datetime = Field(description="When it was asked for.")
    started_at: datetime | None = Field(description="When a worker first took it; null before.")
    finished_at: datetime | None = Field(description="When it ended; null before.")
    progress: ProgressBody | None = Field(description="How far it is, or was; null before a worker took it.")
    release_id: str | None = Field(description="The release that came of it; null if none did.")
    activated: bool = Field(description="Whether that release was activated by the job.")
    not_activated: str | None = Field(
        description="Why not, if it was asked for: `worse`, `experiment_runs` or `refused`; else null."
    )
    gate: GateBody | None = Field(description="How the release compares; null if there is none.")
    error: JobErrorBody | None = Field(description="Why it failed; null otherwise.")

    @classmethod
    def of(cls, job: JobRow, *, whole: bool = True) -> "JobBody":
        """Convert a row; without `whole`, the finished epochs are left out."""
        outcome = job.outcome or {}
        return cls(
            job_id=job.job_id,
            state=job.state,
            cause=job.cause,
            # It was checked when it came, by the rules of then.
            order=JobOrder.model_construct(**{name: getattr(job.request, name) for name in JobOrder.model_fields}),
            cancel_requested=job.cancel_requested,
            attempts=job.attempts,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            progress=_progress(job.progress, whole),
            release_id=outcome.get("release_id"),
            activated=outcome.get("activated", False),
            not_activated=outcome.get("not_activated"),
            gate=outcome.get("gate"),
            error=outcome.get("error"),
        )


class JobListParameters(BaseModel):
    """How many jobs to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(20, ge=1, le=100, description="Jobs to return.")


class JobList(BaseModel):
    """The newest training jobs, newest first."""

    jobs: list[JobBody] = Field(description="Jobs, without the history of their epochs.")

    @classmethod
    def of(cls, jobs: Sequence[JobRow]) -> "JobList":
        """Convert rows."""
        return cls(jobs=[JobBody.of(job, whole=False) for job in jobs])


def _progress(progress: Mapping[str, Any] | None, whole: bool) -> ProgressBody | None:
    if progress is None:
        return None
    history = [_epoch(record) for record in progress.get("history", [])]
    return ProgressBody(
        stage=progress["stage"],
        epoch=progress.get("epoch", 0),
        epochs=progress.get("epochs"),
        step=progress.get("step", 0),
        steps=progress.get("steps"),
        seconds=sum(epoch.seconds for epoch in history),
        history=history if whole else [],
    )


def _epoch(record: Mapping[str, Any]) -> EpochBody:
    losses = {name.removesuffix("_loss"): value for name, value in record.items() if name.endswith("_loss")}
    metrics = record.get("valid", {})
    best = record.get("best", False)
    return EpochBody(epoch=record["epoch"], seconds=record["seconds"], losses=losses, metrics=metrics, best=best)
