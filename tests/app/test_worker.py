"""The worker with real training processes: from rows to an active release; cancelled, killed, resumed, refused."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.db.jobs import JobRepository, QueueRepository
from app.db.releases import ReleaseRepository
from app.db.session import Database
from app.errors import StorageUnavailable
from app.inference import FileReleaseStore
from app.settings import Settings
from app.stored_operations import ExperimentRow, JobRequest, JobRow
from app.worker.loop import Worker
from app.worker.process import Folder, message_of, run
from app.worker.snapshot import SnapshotReader
from tests.app import world
from tests.app.conftest import Backend, eventually
from tests.app.memory_release import MemoryRelease, MemoryStore

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
SMALL = {"epochs": 2, "model.embedding_size": 4, "recommendation.negatives": 50, "validation.every": 1}


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def films() -> dict[str, Any]:
    """Thirty people of two tastes and twenty films of two directors: enough to train on."""
    items, people = [f"i{n}" for n in range(20)], [f"u{n}" for n in range(30)]
    met = [(u, i) for u in range(30) for i in range(20) if i % 2 == u % 2 and (u + i) % 3]
    return {
        "users": [{"user_id": user} for user in people],
        "entities": [{"entity_id": entity, "label": None} for entity in [*(f"f{n}" for n in range(20)), "ann", "bo"]],
        "relations": [{"relation_id": "director", "label": None}],
        "items": [{"item_id": item, "title": None} for item in items],
        "links": [{"item_id": f"i{n}", "entity_id": f"f{n}"} for n in range(20)],
        "triples": [{"head": f"f{n}", "relation": "director", "tail": ("ann", "bo")[n % 2]} for n in range(20)],
        "interactions": [
            {"user_id": people[u], "item_id": items[i], "value": None, "timestamp": u + i} for u, i in met
        ],
    }


@pytest.fixture
async def stored(backend: Backend) -> AsyncIterator[Database]:
    database = Database(backend.database_url)
    await world.store(database, films())
    yield database
    await database.close()


def settings_of(backend: Backend, folder: Path, **changes: Any) -> Settings:
    folders = {"releases_dir": folder / "releases", "jobs_dir": folder / "jobs", "datasets_dir": folder / "datasets"}
    quick = {"job_poll_seconds": 0.1, "job_beat_seconds": 0.1, "job_lease_seconds": 30, "job_threads": 1}
    return backend.settings(**(folders | quick | changes))


def beside(release: MemoryRelease, files: FileReleaseStore) -> MemoryStore:
    """A store with one release that lives in memory, and those that jobs made."""

    class Both(MemoryStore):
        def list(self) -> Any:
            return [*super().list(), *files.list()]

    return Both({release.info.release_id: release})


async def order(database: Database, job_id: str = "job", **request: Any) -> JobRequest:
    asked = JobRequest(**({"dataset": None, "preset": "sample", "settings": SMALL} | request))
    await JobRepository(database).add(job_id, asked, "call")
    return asked


async def work_once(settings: Settings, database: Database) -> None:
    store = FileReleaseStore(settings.releases_dir)
    assert await Worker(settings, database, store).work_once(asyncio.Event())


async def job_of(database: Database, job_id: str = "job") -> JobRow:
    job = await JobRepository(database).get(job_id)
    assert job is not None
    return job


async def test_from_the_database_to_an_active_release(backend: Backend, stored: Database, tmp_path: Path) -> None:
    settings = settings_of(backend, tmp_path)
    await order(stored, activate=True)
    await work_once(settings, stored)
    job = await job_of(stored)
    assert job.state == "succeeded", job.outcome
    assert job.outcome is not None
    assert job.progress is not None
    release_id = job.outcome["release_id"]
    assert release_id.startswith("database-")
    assert (job.outcome["activated"], job.outcome["not_activated"]) == (True, None)
    assert [record["epoch"] for record in job.progress["history"]] == [1, 2]
    assert await ReleaseRepository(stored).active() == release_id
    release = FileReleaseStore(settings.releases_dir).load(release_id)
    assert release.recommender.knows_user("u7")
    assert release.info.extra["seed"] == 0
    checked = {check["metric"] for check in job.outcome["gate"]["checks"]}
    assert checked >= {"recommendation.f1", "completion.hits", "index.recall", "audit.pairs", "audit.stable"}
    # Nothing of the snapshot, which names people, is left.
    assert list((tmp_path / "jobs").iterdir()) == []


async def test_a_job_refits_where_it_is_asked_to_and_else_as_the_active_release_was(
    sqlite: Backend, tmp_path: Path
) -> None:
    from dataclasses import replace

    database, settings = Database(sqlite.database_url), settings_of(sqlite, tmp_path)
    await world.store(database, films())
    partly = world.release("partly")
    partly.info = replace(partly.info, extra={**partly.info.extra, "refit": "interactions"})
    made = FileReleaseStore(settings.releases_dir)

    worker, told = Worker(settings, database, beside(partly, made)), []
    for asked, active in ((True, None), (None, "partly"), (False, "partly")):
        if active is not None:
            await ReleaseRepository(database).activate(active)
        await order(database, f"{asked}", refit=asked)
        await worker.work_once(asyncio.Event())
        job = await job_of(database, f"{asked}")
        assert job.state == "succeeded", job.outcome
        assert job.outcome is not None
        assert job.request.refit is asked
        (info,) = (info for info in made.list() if info.release_id == job.outcome["release_id"])
        told.append((info.extra["refit"], job.outcome["gate"]["same_splits"]))
        # The epochs that are told stay those that validation chose from.
        assert all(record["valid"] for record in (job.progress or {})["history"])
    await database.close()
    assert told == [("all", None), ("interactions", True), (None, False)]
    assert list((tmp_path / "jobs").iterdir()) == []


async def test_mistakes_of_people_are_told_in_words_with_their_exit_code(sqlite: Backend, tmp_path: Path) -> None:
    database, settings = Database(sqlite.database_url), settings_of(sqlite, tmp_path)
    told = {}
    await order(database, "empty")
    await order(database, "absent", dataset="absent")
    for _ in range(2):
        await work_once(settings, database)
    await world.store(database, films())
    await order(database, "preset", preset="unheard-of")
    await work_once(settings, database)
    await order(database, "setting", settings={"epochs": "many"})
    await work_once(settings, database)
    for name in ("empty", "absent", "preset", "setting"):
        job = await job_of(database, name)
        assert (job.state, job.outcome is not None) == ("failed", True)
        assert job.outcome is not None
        told[name] = job.outcome["error"]
    await database.close()
    assert told["empty"]["code"] == "nothing_to_train"
    assert told["absent"] == {
        "code": "unknown_dataset",
        "message": "the workers have no data set 'absent'",
        "exit_code": None,
    }
    assert (told["preset"]["code"], told["preset"]["exit_code"]) == ("training_refused", 2)
    assert "'unheard-of' is neither a preset" in told["preset"]["message"]
    assert (told["setting"]["code"], told["setting"]["exit_code"]) == ("training_refused", 2)
    assert "epochs" in told["setting"]["message"]
    assert not any("Traceback" in error["message"] for error in told.values())


async def test_a_run_that_goes_astray_is_refused_not_released(sqlite: Backend, tmp_path: Path) -> None:
    database, settings = Database(sqlite.database_url), settings_of(sqlite, tmp_path)
    await world.store(database, films())
    await order(database, settings=SMALL | {"optimiser.learning_rate": 1e38}, activate=True)
    await work_once(settings, database)
    job = await job_of(database)
    await database.close()
    assert job.state == "failed"
    assert job.outcome is not None
    assert job.outcome["error"]["code"] == "training_refused"
    assert "learning rate" in job.outcome["error"]["message"]
    assert FileReleaseStore(settings.releases_dir).list() == []


@pytest.mark.slow
async def test_a_worse_release_and_one_within_an_experiment_are_not_activated(sqlite: Backend, tmp_path: Path) -> None:
    from dataclasses import replace

    from app.db.serving import ServingRepository

    database, settings = Database(sqlite.database_url), settings_of(sqlite, tmp_path)
    await world.store(database, films())
    perfect = world.release("perfect")
    perfect.info = replace(perfect.info, metrics={"recommendation": {"f1": 1.0}})

    worker = Worker(settings, database, beside(perfect, FileReleaseStore(settings.releases_dir)))
    await ReleaseRepository(database).activate("perfect")
    await order(database, "worse", activate=True)
    await worker.work_once(asyncio.Event())
    worse = (await job_of(database, "worse")).outcome
    assert worse is not None
    assert (worse["activated"], worse["not_activated"], worse["gate"]["passed"]) == (False, "worse", False)
    assert await ReleaseRepository(database).active() == "perfect"
    rows = {row.release_id: row.problem for row in await ReleaseRepository(database).list()}
    assert "recommendation.f1" in (rows[worse["release_id"]] or "")
    started = (await job_of(database, "worse")).created_at
    await ServingRepository(database).start_experiment(ExperimentRow("x", "perfect", "other", 0.5, started))
    await order(database, "tried", activate=True, max_drop=1.0)
    await worker.work_once(asyncio.Event())
    tried = (await job_of(database, "tried")).outcome
    assert tried is not None
    assert (tried["gate"]["passed"], tried["not_activated"]) == (True, "experiment_runs")
    assert await ReleaseRepository(database).active() == "perfect"
    await database.close()


@asynccontextmanager
async def worker_process(backend: Backend, folder: Path) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """`python -m app worker`, with a lease of a second."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("KTUP_")}
    given = settings_of(backend, folder, job_lease_seconds=1)
    names = ("releases_dir", "jobs_dir", "datasets_dir", "job_poll_seconds", "job_beat_seconds", "job_lease_seconds")
    mine |= {f"KTUP_{name.upper()}": str(getattr(given, name)) for name in names}
    mine |= {"KTUP_DATABASE_URL": backend.database_url, "KTUP_JOB_THREADS": "1"}
    command = [sys.executable, "-m", "app", "worker"]
    process = subprocess.Popen(command, cwd=ROOT, env=mine, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def children_of(folder: Path) -> list[int]:
    """Training processes that hold a job's folder."""
    text = (folder / "jobs" / "job" / "lock").read_text() if (folder / "jobs" / "job" / "lock").exists() else ""
    return [int(text)] if text.strip().isdigit() and is_alive(int(text)) else []


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


async def patiently(condition: Any) -> None:
    for _ in range(2_000):
        if await condition():
            return
        await asyncio.sleep(0.1)
    pytest.fail("what was waited for did not happen")


LONG = SMALL | {"epochs": 400, "validation.patience": 1_000}


async def trains(database: Database, beyond: int) -> bool:
    job = await job_of(database)
    return job.progress is not None and len(job.progress.get("history", [])) > beyond


async def test_c105_a_killed_worker_leaves_its_job_to_the_next_which_goes_on_where_it_stood(
    backend: Backend, stored: Database, tmp_path: Path
) -> None:
    await order(stored, settings=LONG | {"epochs": 60})
    async with worker_process(backend, tmp_path) as first:
        await patiently(lambda: trains(stored, 3))
        first.send_signal(signal.SIGKILL)
        first.wait()
        orphans = children_of(tmp_path)
        before = len(((await job_of(stored)).progress or {})["history"])
    async with worker_process(backend, tmp_path):

        async def ended() -> bool:
            return (await job_of(stored)).state not in ("queued", "running")

        await patiently(ended)
    job = await job_of(stored)
    assert (job.state, job.attempts) == ("succeeded", 2), job.outcome
    assert [record["epoch"] for record in (job.progress or {})["history"]] == list(range(1, 61))
    assert before < 60
    assert not any(is_alive(pid) for pid in orphans)


@pytest.mark.slow
async def test_a_worker_that_is_killed_in_a_refit_leaves_the_chosen_checkpoint_and_the_epochs_of_the_refit(
    sqlite: Backend, tmp_path: Path
) -> None:
    database = Database(sqlite.database_url)
    await world.store(database, films())
    # Validated at its end alone, the training is best there, and the refit has as many epochs.
    await order(database, settings=LONG | {"epochs": 200, "validation.every": 200}, refit=True)

    async def refits() -> bool:
        progress = (await job_of(database)).progress or {}
        return progress.get("stage") == "refit" and 3 < progress["epoch"] < 150

    async with worker_process(sqlite, tmp_path) as first:
        await patiently(refits)
        first.send_signal(signal.SIGKILL)
        first.wait()
    chosen = tmp_path / "jobs" / "job" / "run" / "checkpoint"
    written = {file.name: file.stat().st_mtime_ns for file in chosen.iterdir()}
    begun = [json.loads((tmp_path / "jobs" / "job" / "refit.json").read_text())["history"][0]]
    async with worker_process(sqlite, tmp_path):

        async def refits_on() -> bool:
            progress = (await job_of(database)).progress or {}
            return (await job_of(database)).attempts == 2 and progress.get("stage") == "refit" and progress["epoch"] > 3

        await patiently(refits_on)
        assert {file.name: file.stat().st_mtime_ns for file in chosen.iterdir()} == written
        begun.append(json.loads((tmp_path / "jobs" / "job" / "refit.json").read_text())["history"][0])
        assert begun[0] == begun[1], "the first epoch of the refit was trained once, with its seconds"

        async def ended() -> bool:
            return (await job_of(database)).state not in ("queued", "running")

        await patiently(ended)
    job = await job_of(database)
    await database.close()
    assert (job.state, job.attempts) == ("succeeded", 2), job.outcome


async def test_cancelling_ends_the_training_process_and_leaves_no_release(
    backend: Backend, stored: Database, tmp_path: Path
) -> None:
    settings = settings_of(backend, tmp_path)
    await order(stored, settings=LONG)
    work = asyncio.create_task(work_once(settings, stored))
    await patiently(lambda: trains(stored, 1))
    (child,) = children_of(tmp_path)
    await JobRepository(stored).cancel("job")
    await work
    assert (await job_of(stored)).state == "cancelled"
    assert not is_alive(child)
    assert FileReleaseStore(settings.releases_dir).list() == []
    assert list((tmp_path / "jobs").iterdir()) == []


async def test_a_worker_that_is_told_to_end_gives_its_job_back_at_once(sqlite: Backend, tmp_path: Path) -> None:
    database = Database(sqlite.database_url)
    await world.store(database, films())
    await order(database, settings=LONG)
    async with worker_process(sqlite, tmp_path) as process:
        await patiently(lambda: trains(database, 1))
        (child,) = children_of(tmp_path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    job = await job_of(database)
    await database.close()
    assert (job.state, job.attempts) == ("queued", 0)
    assert not is_alive(child)


async def test_a_child_that_a_dead_worker_left_behind_is_ended_before_the_folder_is_taken(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, subprocess, sys\n"
        "from pathlib import Path\n"
        "from app.worker.process import Folder\n"
        "async def main():\n"
        "    folder = Folder(Path(sys.argv[1]))\n"
        "    await folder.__aenter__()\n"
        "    child = subprocess.Popen(['sleep', '100'], pass_fds=(folder.descriptor,), start_new_session=True)\n"
        "    folder.note(child.pid)\n"
        "    os._exit(0)\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True)  # noqa: ASYNC221
    child = int((tmp_path / "lock").read_text())
    assert is_alive(child)
    async with Folder(tmp_path):
        assert not is_alive(child)


async def test_a_command_that_is_no_longer_wanted_is_stopped(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    async with Folder(tmp_path) as folder:
        ended = await run(folder, ["convert", "--help"], never, 0.001)
    assert ended.stopped
    assert not ended.good


def test_the_last_words_of_a_crash_are_told_without_its_trace() -> None:
    trace = "Traceback (most recent call last):\n  File x, line 1\nValueError: no such thing\n"
    assert message_of(1, trace) == "ended with exit code 1; its last words: ValueError: no such thing"
    assert message_of(3, "") == "ended with exit code 3; its last words: none"
    assert message_of(2, "error: a\nnoise\nerror: file.toml: epochs: bad\nfile.toml: lr: bad\n") == (
        "file.toml: epochs: bad\nfile.toml: lr: bad"
    )


async def test_a_snapshot_leaves_out_what_is_deleted_disliked_or_a_loop(backend: Backend, database: Database) -> None:
    async with database.writing() as connection:
        for statement in (
            "UPDATE items SET deleted_at = CURRENT_TIMESTAMP WHERE item_id = 'i5'",
            "UPDATE interactions SET disliked = true WHERE user_id = 'late' AND item_id = 'i1'",
            "INSERT INTO facts (tenant_id, head, relation, tail) VALUES (1, 'f1', 'genre', 'f1')",
            "INSERT INTO tenants (tenant_id, name) VALUES (2, 'other')",
            "INSERT INTO users (tenant_id, user_id) VALUES (2, 'theirs')",
        ):
            await connection.exec_driver_sql(statement)
    tables = await SnapshotReader(database).read()
    assert sorted(tables["users"]["user_id"]) == sorted(world.USERS)
    assert "i5" not in tables["items"]["item_id"]
    assert "i5" not in tables["links"]["item_id"]
    pairs = set(tables["interactions"].select("user_id", "item_id").iter_rows())
    assert ("u1", "i1") in pairs
    assert not pairs & {("u1", "i5"), ("late", "i1"), ("all", "i5")}
    assert tables["triples"].height == len(world.FACTS)
    assert set(tables["triples"]["origin"]) == {"stored"}


async def test_a_snapshot_of_a_database_that_is_away_says_so(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'none' / 'no.db'}")
    with pytest.raises(StorageUnavailable):
        await SnapshotReader(database).read()
    await database.close()


async def test_a_job_over_which_workers_keep_dying_is_given_up(sqlite: Backend, tmp_path: Path) -> None:
    database, settings = Database(sqlite.database_url), settings_of(sqlite, tmp_path)
    await order(database)
    queue = QueueRepository(database)
    for number in range(5):
        assert await queue.claim(f"dead{number}", 0.0) is not None
        await asyncio.sleep(0.01)

    async def tried() -> bool:
        return await Worker(settings, database, FileReleaseStore(tmp_path)).work_once(asyncio.Event())

    await eventually(tried)
    job = await job_of(database)
    await database.close()
    assert job.outcome is not None
    assert (job.state, job.outcome["error"]["code"]) == ("failed", "gave_up")
