"""One training job from its row to its outcome: snapshot, training, perhaps a refit, release, gate, activation.

Each step looks first whether it was done already: a job that is taken over goes on where the one before it stopped.
"""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from anyio import to_thread

from app.dataset_writer import dealt, write_dataset
from app.db.releases import ReleaseRepository
from app.db.serving import ServingRepository
from app.db.session import Database
from app.errors import ReleaseRefused, StorageUnavailable, UnknownRelease
from app.ports import ReleaseInfo, ReleaseStore
from app.settings import Settings
from app.stored_operations import JobQueue, JobRow, JobState
from app.tenancy import of_tenant, releases_of
from app.worker.gate import Verdict, judge
from app.worker.process import Ended, Folder, run
from app.worker.snapshot import SnapshotReader

_log = logging.getLogger(__name__)
REFUSED = 2
"""The exit code of a command that tells a mistake of people, or what it will not do."""
MAX_ATTEMPTS = 5
"""Workers that may die over a job before it is given up: what kills each of them would kill the next."""


class JobEnded(Exception):
    """A job ends here; the worker notes how, unless the job is another worker's by now (`state` is None)."""

    def __init__(self, state: JobState | None, code: str = "", message: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.state = state
        self.error = {"code": code, "message": message, "exit_code": exit_code}


@dataclass(frozen=True)
class Tools:
    """What every job of a worker works with."""

    settings: Settings
    database: Database
    queue: JobQueue
    store: ReleaseStore
    token: str


class TrainingRun:
    """One job in the hands of one worker."""

    def __init__(self, job: JobRow, tools: Tools) -> None:
        self._job = job
        self._tools = tools
        self._path = tools.settings.jobs_dir / job.job_id
        self._progress_file = self._path.resolve() / "progress.json"
        self._refit_file = self._path.resolve() / "refit.json"
        self._stage = "snapshot"
        self._told: dict[str, Any] | None = None
        self._ending: JobState | None = None

    async def run(self) -> None:
        """Do all that is left of the job, and note how it ended.

        Raises:
            StorageUnavailable: the database is away when a step needs it; another try goes on from there.
        """
        with of_tenant(self._job.tenant_id):
            try:
                outcome = await self._steps()
            except JobEnded as ended:
                await self._finish(ended.state, {"error": ended.error} if ended.state == "failed" else {})
            else:
                await self._finish("succeeded", outcome)

    async def _steps(self) -> dict[str, Any]:
        if self._job.attempts > MAX_ATTEMPTS:
            raise JobEnded("failed", "gave_up", f"{MAX_ATTEMPTS} workers died over this job")
        async with Folder(self._path) as folder:
            await self._enter("snapshot")
            dataset = await self._dataset()
            await self._enter("training")
            checkpoint = await self._train(folder, dataset)
            refit = await self._refit(folder, dataset, checkpoint)
            await self._enter("release")
            release_id = await self._release(folder, dataset, checkpoint, refit)
            if self._tools.settings.audit_pairs:
                await self._enter("audit")
                await self._audit(folder, dataset, release_id)
        await self._enter("gate")
        audited = self._tools.settings.audit_pairs > 0
        infos, active = await self._releases()
        verdict = judge(infos[release_id], infos.get(active or ""), self._job.request.max_drop, audited)
        outcome: dict[str, Any] = {"release_id": release_id, "gate": verdict.values(), "activated": False}
        if self._job.request.activate:
            await self._enter("activation")
            reason = await self._activate(infos[release_id], verdict)
            outcome |= {"activated": reason is None, "not_activated": reason}
        return outcome

    async def _releases(self) -> tuple[Mapping[str, ReleaseInfo], str | None]:
        """Give all releases by their ids, and which one is active."""
        infos = {info.release_id: info for info in await to_thread.run_sync(self._tools.store.list)}
        return infos, await ReleaseRepository(self._tools.database).active()

    async def _dataset(self) -> Path:
        """Give the directory to train on; for the database, write it."""
        request = self._job.request
        if request.dataset is not None:
            named = self._tools.settings.datasets_dir / request.dataset
            if not (named / "manifest.json").is_file():
                raise JobEnded("failed", "unknown_dataset", f"the workers have no data set {request.dataset!r}")
            return named.resolve()
        target = self._path / "dataset"
        if not target.exists():
            tables = await SnapshotReader(self._tools.database).read()
            if not tables["interactions"].height or not tables["triples"].height:
                raise JobEnded("failed", "nothing_to_train", "the database holds no interactions, or no facts")
            await to_thread.run_sync(write_dataset, target, self._name(), dealt(tables))
        return target.resolve()

    async def _train(self, folder: Folder, dataset: Path) -> Path:
        request = self._job.request
        arguments = ["train", "--data", str(dataset), "--preset", request.preset]
        arguments += ["--system", request.system] if request.system is not None else []
        for name, value in request.settings.items():
            arguments += ["--set", f"{name}={json.dumps(value)}"]
        return await self._run(folder, arguments, "run", self._progress_file)

    async def _refit(self, folder: Folder, dataset: Path, chosen: Path) -> Path | None:
        """Train what validation chose once more, on the validation rows, too; None if that is not wanted."""
        infos, active = await self._releases()
        serving = infos[active].extra.get("refit") if active is not None and active in infos else None
        wanted = serving is not None if self._job.request.refit is None else self._job.request.refit
        if not wanted:
            return None
        await self._enter("refit")
        arguments = ["refit", "--data", str(dataset), "--checkpoint", str(chosen)]
        # As the active release is, where that is one: its figures are what this one is held against.
        arguments += ["--no-facts"] if serving == "interactions" else []
        return await self._run(folder, arguments, "refit", self._refit_file)

    async def _run(self, folder: Folder, arguments: Sequence[str], out_name: str, progress: Path) -> Path:
        """Train in a folder of the job, or go on from what stands there; gives the checkpoint."""
        out = (self._path / out_name).resolve()
        checkpoint = out / "checkpoint"
        if not checkpoint.is_dir():
            # Without a report: the run is removed after its release.
            more = ["--out", str(out), "--no-report", "--progress", str(progress)]
            more += ["--resume"] if (out / "state.safetensors").is_file() else []
            await self._command(folder, [*arguments, *more], self._stage)
        return checkpoint

    async def _release(self, folder: Folder, dataset: Path, chosen: Path, refit: Path | None) -> str:
        releases = releases_of(self._tools.settings.releases_dir, self._job.tenant_id).resolve()
        release_id = f"{self._name()[:50]}-{self._job.created_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{self._job.job_id[:8]}"
        if not (releases / release_id).is_dir():
            made_of = ["--checkpoint", str(refit or chosen)]
            # A refit learnt the facts on which probabilities are fitted.
            made_of += ["--probabilities-of", str(chosen)] if refit is not None else []
            arguments = ["release", "--data", str(dataset), *made_of]
            await self._command(folder, [*arguments, "--releases", str(releases), "--id", release_id], "release")
        return release_id

    async def _audit(self, folder: Folder, dataset: Path, release_id: str) -> None:
        release = releases_of(self._tools.settings.releases_dir, self._job.tenant_id).resolve() / release_id
        if not (release / "audit").is_dir():
            arguments = ["audit", "--data", str(dataset), "--release", str(release), "--seed", "0", "--no-plots"]
            arguments += ["--pairs", str(self._tools.settings.audit_pairs)]
            # Where no reason could be tried, the release stays, and the gate says why it is not activated.
            await self._command(folder, arguments, "audit", may_refuse=True)

    async def _command(self, folder: Folder, arguments: Sequence[str], step: str, *, may_refuse: bool = False) -> None:
        threads = self._tools.settings.job_threads
        extra = [] if threads is None else ["--threads", str(threads)]
        ended = await run(folder, [*arguments, *extra], self._watch, self._tools.settings.job_beat_seconds)
        if ended.stopped:
            raise JobEnded(self._ending)
        await self._beat()
        if may_refuse and ended.exit_code == REFUSED:
            _log.warning("a step was refused", extra={"job": self._job.job_id, "step": step, "reason": ended.message})
        elif not ended.good:
            raise JobEnded("failed", _code(step, ended), ended.message, ended.exit_code)

    async def _activate(self, release: ReleaseInfo, verdict: Verdict) -> str | None:
        """Activate the release; gives why not, if it was not."""
        rows = ReleaseRepository(self._tools.database)
        if not verdict.passed:
            await rows.refuse(release.release_id, verdict.reason)
            return "worse"
        serving = (await ServingRepository(self._tools.database).serving()).get(self._job.tenant_id)
        if serving is not None and serving.experiment is not None:
            # An activation would end it, and nobody asked for that.
            return "experiment_runs"
        try:
            await to_thread.run_sync(self._tools.store.load, release.release_id)
        except (ReleaseRefused, UnknownRelease) as error:
            await rows.refuse(release.release_id, error.message)
            return "refused"
        await rows.activate(release.release_id)
        return None

    async def _enter(self, stage: str) -> None:
        self._stage = stage
        if not await self._beat():
            raise JobEnded(self._ending)

    async def _watch(self) -> bool:
        try:
            return await self._beat()
        except StorageUnavailable:
            # While the database is away nobody can take the job over: train on, and ask again.
            return True

    async def _beat(self) -> bool:
        """Keep the job and tell how far it is; False if it is to end, as `_ending` says."""
        progress = {"stage": self._stage, **_read(self._progress_file)}
        if self._stage == "refit":
            progress |= {name: value for name, value in _read(self._refit_file).items() if name != "history"}
        news = None if progress == self._told else progress
        beat = await self._tools.queue.beat(
            self._job.job_id, self._tools.token, self._tools.settings.job_lease_seconds, news
        )
        self._told = progress
        self._ending = "cancelled" if beat == "cancel" else None
        return beat == "go_on"

    async def _finish(self, state: JobState | None, outcome: Mapping[str, Any]) -> None:
        kept = state is not None and await self._tools.queue.finish(self._job.job_id, self._tools.token, state, outcome)
        _log.info("a training job ended", extra={"job": self._job.job_id, "state": state if kept else "lost"})
        if kept:
            # The snapshot names people: it lives as long as the job, and no longer.
            await to_thread.run_sync(lambda: shutil.rmtree(self._path, ignore_errors=True))

    def _name(self) -> str:
        return self._job.request.dataset or "database"


def _code(step: str, ended: Ended) -> str:
    """Tell mistakes of people (exit code 2) from crashes, and both from a kill."""
    if ended.exit_code < 0:
        return "killed"
    return f"{step}_refused" if ended.exit_code == REFUSED else f"{step}_failed"


def _read(file: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values
