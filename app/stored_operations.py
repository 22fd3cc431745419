"""What operations need from the database, as protocols, and the rows that cross this border.

Every method opens and returns its own connection, and may raise StorageUnavailable. Rows are those of the current
tenant, unless a method says otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Cause = Literal["call", "schedule"]
Beat = Literal["go_on", "cancel", "lost"]

DATABASE = "database"
"""What a job trains on if no data set is named: a snapshot of what the database holds."""


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """Two releases that answer side by side: `release_b` for a `share` of the users (0 to 1)."""

    experiment_id: str
    release_a: str
    release_b: str
    share: float
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ServingRow:
    """What one tenant's users are to be answered by."""

    active: str
    experiment: ExperimentRow | None


class ServingRows(Protocol):
    """Who answers whom, for every process alike."""

    async def serving(self) -> Mapping[int, ServingRow]:
        """Give what answers, for every tenant that has an active release."""
        ...

    async def former(self) -> str | None:
        """Give the release that a rollback comes back to."""
        ...

    async def roll_back(self, release_id: str) -> bool:
        """Make the former release the active one, and end a running experiment.

        False if the former release is another one by now; nothing has changed then.
        """
        ...

    async def start_experiment(self, experiment: ExperimentRow) -> None:
        """Make `release_a` the active one if it is not, end a running experiment, and start this one: all, or none."""
        ...

    async def end_experiment(self) -> ExperimentRow | None:
        """End the running experiment, and give it; None if none runs."""
        ...


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a training job is to do. `max_drop` is the share of a metric that a new release may lose.

    `refit` says whether the release is of a last training on the validation rows, too; None: as the active release is.
    """

    dataset: str | None
    preset: str
    system: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    activate: bool = False
    max_drop: float = 0.05
    refit: bool | None = None

    @property
    def data(self) -> str:
        """Name what it trains on: two jobs for the same do not run at once."""
        return DATABASE if self.dataset is None else f"dataset:{self.dataset}"


@dataclass(frozen=True, slots=True)
class JobRow:
    """A training job as it is stored; `progress` and `outcome` are what `app.services.jobs` reads."""

    job_id: str
    tenant_id: int
    cause: Cause
    request: JobRequest
    state: JobState
    cancel_requested: bool
    progress: Mapping[str, Any] | None
    outcome: Mapping[str, Any] | None
    attempts: int
    events: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Jobs(Protocol):
    """The table of training jobs, as those see it who ask for them."""

    async def add(self, job_id: str, request: JobRequest, cause: Cause) -> JobRow:
        """Queue a job.

        Raises:
            JobConflict: one for the same data is queued or runs.
        """
        ...

    async def get(self, job_id: str) -> JobRow | None:
        """Give a job."""
        ...

    async def list(self, limit: int) -> Sequence[JobRow]:
        """Give the newest jobs, newest first."""
        ...

    async def cancel(self, job_id: str) -> JobRow | None:
        """End a queued job; ask the worker of a running one to end it. Finished ones stay as they are."""
        ...


class JobQueue(Protocol):
    """The table of training jobs, as workers see it: jobs of all tenants."""

    async def claim(self, token: str, lease_seconds: float) -> JobRow | None:
        """Take the oldest job that is queued, or whose worker has not been heard of for its lease."""
        ...

    async def beat(self, job_id: str, token: str, lease_seconds: float, progress: Mapping[str, Any] | None) -> Beat:
        """Keep a job, and tell how far it is (None: as far as before); gives whether to go on."""
        ...

    async def finish(self, job_id: str, token: str, state: JobState, outcome: Mapping[str, Any]) -> bool:
        """Note how a job ended. False if it is no longer this worker's; nothing has changed then."""
        ...

    async def give_back(self, job_id: str, token: str) -> None:
        """Let another worker go on with a job at once."""
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """A list of recommendations that was computed for a user of a tenant; None for an anonymous session."""

    recommendation_id: str
    tenant_id: int
    user_id: str | None
    release_id: str
    strategy: str
    items: tuple[str, ...]
    served_at: datetime


@dataclass(frozen=True, slots=True)
class OnlineCounts:
    """What became of the lists of one release and strategy.

    `lists_clicked` have at least one click on an item of theirs, `lists_taken` an item that was viewed, liked, bought
    or rated; `items_clicked` and `items_taken` count such items once for each list.
    """

    release_id: str
    strategy: str
    lists: int
    items: int
    lists_clicked: int
    items_clicked: int
    lists_taken: int
    items_taken: int


class ServedLists(Protocol):
    """The log of what was recommended."""

    async def store(self, lists: Sequence[Served]) -> None:
        """Store lists of any tenant; those that are stored already stay as they are.

        Of the user a hash is kept, and not even that where no such user is stored, or was erased meanwhile.
        """
        ...

    async def prune(self, before: datetime, keep: int) -> int:
        """Delete what is older, and for each tenant all but the newest `keep`; gives how many went."""
        ...

    async def counts(self, since: datetime, until: datetime) -> Sequence[OnlineCounts]:
        """Count lists served from `since` until before `until`, and what events say of them, whenever those came."""
        ...
