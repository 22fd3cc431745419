"""Training jobs in the database: asked for once, taken by one worker, kept by a lease, ended as told."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from app.db.jobs import JobRepository, QueueRepository
from app.db.session import Database
from app.db.tables import Tenant
from app.errors import JobConflict
from app.settings import Settings
from app.stored_operations import JobRequest
from app.tenancy import of_tenant
from app.worker.schedule import Schedule
from tests.app.conftest import Backend, eventually
from tests.app.test_served import event, store_events

pytestmark = pytest.mark.anyio
LEASE = 60.0


async def post(client: httpx.AsyncClient, **order: Any) -> httpx.Response:
    return await client.post("/training-jobs", json=order)


async def test_a_job_is_queued_as_asked_for_and_listed(client: httpx.AsyncClient) -> None:
    answer = await post(client, preset="ml1m", system="ktup-hard", settings={"epochs": 3, "model.norm": "l1"})
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["state"], job["cause"], job["attempts"], job["progress"]) == ("queued", "call", 0, None)
    assert job["order"] == {
        "dataset": None,
        "preset": "ml1m",
        "system": "ktup-hard",
        "settings": {"epochs": 3, "model.norm": "l1"},
        "activate": False,
        "max_drop": 0.05,
        "refit": None,
    }
    refit = (await post(client, dataset="books", refit=True)).json()
    assert refit["order"]["refit"] is True
    assert (await client.post(f"/training-jobs/{refit['job_id']}/cancel")).json()["order"] == refit["order"]
    other = (await post(client, dataset="films")).json()
    assert (await client.get(f"/training-jobs/{job['job_id']}")).json() == job
    listed = (await client.get("/training-jobs")).json()["jobs"]
    assert [each["job_id"] for each in listed] == [other["job_id"], refit["job_id"], job["job_id"]]
    assert len((await client.get("/training-jobs?limit=1")).json()["jobs"]) == 1
    unknown = await client.get("/training-jobs/none")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_job")


async def test_c105_a_second_start_for_the_same_data_is_409_until_the_first_has_ended(
    client: httpx.AsyncClient,
) -> None:
    first = (await post(client)).json()
    second = await post(client, preset="ml1m")
    assert (second.status_code, second.json()["code"]) == (409, "job_conflict")
    assert first["job_id"] in second.json()["detail"]
    assert (await post(client, dataset="films")).status_code == 202
    await client.post(f"/training-jobs/{first['job_id']}/cancel")
    assert (await post(client)).status_code == 202


async def test_of_many_starts_at_the_same_moment_one_is_queued(backend: Backend, database: Database) -> None:
    databases = [Database(backend.database_url, pool_size=1) for _ in range(6)]
    adds = [JobRepository(each).add(f"j{n}", JobRequest(None, "p"), "call") for n, each in enumerate(databases)]
    outcomes = await asyncio.gather(*adds, return_exceptions=True)
    assert sum(isinstance(outcome, JobConflict) for outcome in outcomes) == 5
    assert len(await JobRepository(database).list(10)) == 1
    for each in databases:
        await each.close()


@pytest.mark.parametrize(
    "order",
    [
        {"dataset": "../etc"},
        {"dataset": "a/b"},
        {"preset": "/etc/passwd"},
        {"preset": "-x"},
        {"settings": {"epochs; rm": 1}},
        {"settings": {"epochs": [1]}},
        {"settings": {"epochs": {"a": 1}}},
        {"max_drop": 2},
        {"epochs": 3},
        {"dataset": "a\x00"},
        {"system": ".."},
    ],
)
async def test_an_order_that_names_places_or_unknown_things_is_422(client: httpx.AsyncClient, order: Any) -> None:
    assert (await post(client, **order)).status_code == 422


async def test_two_workers_never_take_the_same_job(backend: Backend, database: Database) -> None:
    jobs = JobRepository(database)
    for number in range(3):
        await jobs.add(f"j{number}", JobRequest(f"data{number}", "p"), "call")
    databases = [Database(backend.database_url, pool_size=1) for _ in range(6)]
    taken = await asyncio.gather(*(QueueRepository(d).claim(f"w{n}", LEASE) for n, d in enumerate(databases)))
    ids = sorted(job.job_id for job in taken if job is not None)
    # PostgreSQL skips what another worker is about to take, so a worker may come away with nothing for now.
    assert ids == sorted(set(ids))
    while (job := await QueueRepository(database).claim("rest", LEASE)) is not None:
        ids.append(job.job_id)
    assert sorted(ids) == ["j0", "j1", "j2"]
    assert all(job.attempts == 1 and job.state == "running" for job in taken if job is not None)
    for each in databases:
        await each.close()


async def test_a_silent_worker_loses_its_job_and_can_no_longer_change_it(backend: Backend, database: Database) -> None:
    queue, jobs = QueueRepository(database), JobRepository(database)
    await jobs.add("j", JobRequest(None, "p"), "call")
    assert await queue.claim("one", 0.3) is not None
    assert await queue.claim("two", LEASE) is None
    assert await queue.beat("j", "one", 0.3, {"stage": "training"}) == "go_on"
    await asyncio.sleep(0.5)
    taken = await queue.claim("two", LEASE)
    assert taken is not None
    assert (taken.attempts, taken.progress) == (2, {"stage": "training"})
    assert await queue.beat("j", "one", LEASE, {"stage": "gate"}) == "lost"
    assert not await queue.finish("j", "one", "failed", {})
    await queue.give_back("j", "one")
    assert await queue.beat("j", "two", LEASE, None) == "go_on"
    assert await queue.finish("j", "two", "succeeded", {"release_id": "r", "activated": True})
    job = await jobs.get("j")
    assert job is not None
    assert (job.state, job.progress, job.outcome) == (
        "succeeded",
        {"stage": "training"},
        {"release_id": "r", "activated": True},
    )
    assert job.finished_at is not None


async def test_a_job_that_is_given_back_waits_for_anybody(backend: Backend, database: Database) -> None:
    queue = QueueRepository(database)
    await JobRepository(database).add("j", JobRequest(None, "p"), "call")
    await queue.claim("one", LEASE)
    await queue.give_back("j", "one")
    again = await queue.claim("two", LEASE)
    assert again is not None
    assert again.attempts == 1


async def test_cancelling_ends_a_queued_job_and_asks_the_worker_of_a_running_one(
    client: httpx.AsyncClient, database: Database
) -> None:
    queue = QueueRepository(database)
    queued = (await post(client)).json()["job_id"]
    cancelled = (await client.post(f"/training-jobs/{queued}/cancel")).json()
    assert (cancelled["state"], cancelled["finished_at"] is None) == ("cancelled", False)
    assert (await client.post(f"/training-jobs/{queued}/cancel")).json() == cancelled
    assert await queue.claim("one", LEASE) is None
    running = (await post(client)).json()["job_id"]
    await queue.claim("one", LEASE)
    asked = (await client.post(f"/training-jobs/{running}/cancel")).json()
    assert (asked["state"], asked["cancel_requested"]) == ("running", True)
    assert await queue.beat(running, "one", LEASE, None) == "cancel"
    await queue.finish(running, "one", "failed", {"error": {"code": "killed", "message": "m", "exit_code": -9}})
    late = await client.post(f"/training-jobs/{running}/cancel")
    assert (late.status_code, late.json()["code"]) == (409, "job_finished")
    assert (await client.get(f"/training-jobs/{running}")).json()["error"]["exit_code"] == -9
    missing = await client.post("/training-jobs/none/cancel")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_job")


async def test_progress_is_told_epoch_by_epoch(client: httpx.AsyncClient, database: Database) -> None:
    job_id = (await post(client)).json()["job_id"]
    queue = QueueRepository(database)
    await queue.claim("one", LEASE)
    history = [
        {"epoch": 1, "seconds": 1.5, "recommendation_loss": 0.7, "completion_loss": 0.2},
        {"epoch": 2, "seconds": 1.0, "recommendation_loss": 0.5, "valid": {"f1": 0.25}, "best": True},
    ]
    progress = {"stage": "training", "epochs": 9, "epoch": 3, "step": 4, "steps": 8, "history": history}
    await queue.beat(job_id, "one", LEASE, progress)
    told = (await client.get(f"/training-jobs/{job_id}")).json()["progress"]
    assert told == {
        "stage": "training",
        "epoch": 3,
        "epochs": 9,
        "step": 4,
        "steps": 8,
        "seconds": 2.5,
        "history": [
            told_epoch(1, 1.5, {"recommendation": 0.7, "completion": 0.2}, {}, best=False),
            told_epoch(2, 1.0, {"recommendation": 0.5}, {"f1": 0.25}, best=True),
        ],
    }
    (listed,) = (await client.get("/training-jobs")).json()["jobs"]
    assert listed["progress"] == told | {"history": []}


def told_epoch(number: int, seconds: float, losses: Any, metrics: Any, best: bool) -> dict[str, Any]:
    return {"epoch": number, "seconds": seconds, "losses": losses, "metrics": metrics, "best": best}


async def test_jobs_of_another_tenant_are_neither_seen_nor_in_the_way(
    client: httpx.AsyncClient, database: Database
) -> None:
    async with database.writing() as connection:
        await connection.execute(insert(Tenant).values(tenant_id=2, name="other"))
    with of_tenant(2):
        await JobRepository(database).add("theirs", JobRequest(None, "p"), "call")
    assert (await client.get("/training-jobs")).json() == {"jobs": []}
    assert (await client.get("/training-jobs/theirs")).status_code == 404
    assert (await client.post("/training-jobs/theirs/cancel")).status_code == 404
    assert (await post(client)).status_code == 202
    taken = await QueueRepository(database).claim("one", LEASE)
    assert taken is not None
    assert (taken.job_id, taken.tenant_id) == ("theirs", 2)


def scheduled(backend: Backend, **changes: Any) -> Settings:
    return backend.settings(retrain_events=3, retrain_seconds=0.001, retrain_preset="films", **changes)


async def test_a_job_is_queued_by_itself_when_enough_new_events_came(backend: Backend, database: Database) -> None:
    schedule, queue = Schedule(scheduled(backend), database), QueueRepository(database)
    await store_events(database, [event(n, "i1", "view", None) for n in (1, 2)])
    assert await schedule.look() == []
    await store_events(database, [event(3, "i1", "view", None)])
    (job_id,) = await schedule.look()
    job = await JobRepository(database).get(job_id)
    assert job is not None
    assert (job.cause, job.request, job.events) == ("schedule", JobRequest(None, "films"), 3)
    # It has not ended, so nothing new is queued, and then the counting begins anew.
    await store_events(database, [event(n, "i1", "view", None) for n in (4, 5, 6)])
    assert await schedule.look() == []
    await queue.claim("one", LEASE)
    await queue.finish(job_id, "one", "failed", {})
    (again,) = await schedule.look()
    await JobRepository(database).cancel(again)
    assert await schedule.look() == []


async def test_the_schedule_waits_for_its_shortest_time_and_is_off_without_a_number(
    backend: Backend, database: Database
) -> None:
    await store_events(database, [event(n, "i1", "view", None) for n in (1, 2, 3)])
    assert await Schedule(backend.settings(), database).look() == []
    (first,) = await Schedule(scheduled(backend), database).look()
    await JobRepository(database).cancel(first)
    await store_events(database, [event(n, "i1", "view", None) for n in (4, 5, 6)])
    slow = Schedule(scheduled(backend).model_copy(update={"retrain_seconds": 3_600.0}), database)
    assert await slow.look() == []

    async def queued() -> bool:
        return bool(await Schedule(scheduled(backend), database).look())

    await eventually(queued)
