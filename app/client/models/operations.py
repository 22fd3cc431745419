"""Answers about releases and the running of the service."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel


class Release(BaseModel):
    """A release on disk, as its manifest and the database tell it."""

    release_id: str
    created_at: str
    model: str
    dataset: str
    metrics: dict[str, Any]
    counts: dict[str, int]
    active: bool
    activated_at: datetime | None
    problem: str | None
    loaded: bool
    rebuilt: str | None


class ReleaseList(BaseModel):
    """The releases on disk, newest first."""

    releases: list[Release]


class Activation(BaseModel):
    """The outcome of an activation."""

    release_id: str
    previous: str | None


class Experiment(BaseModel):
    """Two releases that answer side by side. A user gets the same one as long as the experiment runs."""

    experiment_id: str
    a: str
    b: str
    share: float
    started_at: datetime
    ended_at: datetime | None


class Difference(BaseModel):
    """One figure in two releases."""

    metric: str
    release: float | None
    against: float | None
    change: float | None


class Diff(BaseModel):
    """Two releases, figure by figure."""

    release_id: str
    against: str
    comparable: bool
    caveats: list[str]
    metrics: list[Difference]


class Evaluation(BaseModel):
    """How the active release was measured offline, and what came out."""

    release_id: str
    created_at: str
    model: str
    dataset: str
    dataset_hash: str | None
    protocol: str | None
    split: str | None
    top_n: int | None
    seed: int | None
    recommendation: dict[str, float | None] | None
    most_popular: dict[str, float | None] | None
    completion: dict[str, float | None] | None
    calibration: dict[str, Any] | None
    reasons: dict[str, Any] | None


class JobOrder(BaseModel):
    """What to train, and what to do with the release that comes of it."""

    dataset: str | None = None
    preset: str | None = None
    system: str | None = None
    settings: dict[str, Any] | None = None
    activate: bool = False
    max_drop: float | None = None
    refit: bool | None = None


class Epoch(BaseModel):
    """One finished epoch."""

    epoch: int
    seconds: float
    losses: dict[str, float | None]
    metrics: dict[str, float | None]
    best: bool


class Progress(BaseModel):
    """How far a job is."""

    stage: str
    epoch: int
    epochs: int | None
    step: int
    steps: int | None
    seconds: float
    history: list[Epoch]


class GateCheck(BaseModel):
    """One figure of the new release, beside that of the active one, or the bound that every release has to keep."""

    metric: str
    release: float | None
    active: float | None
    passed: bool
    least: float | None = None
    most: float | None = None


class Gate(BaseModel):
    """Whether a new release may take over."""

    passed: bool
    against: str | None
    same_data: bool | None
    same_splits: bool | None = None
    checks: list[GateCheck]


class JobError(BaseModel):
    """Why a job failed."""

    code: str
    message: str
    exit_code: int | None


class Job(BaseModel):
    """A training job."""

    job_id: str
    state: str
    cause: str
    order: JobOrder
    cancel_requested: bool
    attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: Progress | None
    release_id: str | None
    activated: bool
    not_activated: str | None
    gate: Gate | None
    error: JobError | None


class JobList(BaseModel):
    """The newest training jobs, newest first."""

    jobs: list[Job]


class OnlineGroup(BaseModel):
    """What became of the lists of one release and one strategy."""

    release: str
    strategy: str
    lists: int
    items: int
    lists_clicked: int
    items_clicked: int
    lists_taken: int
    items_taken: int
    click_through: float | None
    item_click_through: float | None
    take_rate: float | None


class Online(BaseModel):
    """Online figures by release and strategy. During an experiment, each release has its own lines."""

    since: datetime
    until: datetime
    groups: list[OnlineGroup]


class Liveness(BaseModel):
    """The process answers."""

    status: str


class Readiness(BaseModel):
    """The service can answer."""

    status: str
    release: str
    degraded: list[str]
    rebuilt: dict[str, str]
