"""C105: the API is killed while a job that was asked of it runs; the job has a row and a process of its own."""

from pathlib import Path
from typing import Any

import pytest

from tests.faults import films
from tests.faults.conftest import Place, Serve
from tests.faults.processes import Server, free_port, running, until

LONG = {"epochs": 2_000, "model.embedding_size": 4, "recommendation.negatives": 50, "validation.patience": 5_000}
ORDER = {"preset": "sample", "settings": LONG}


def epochs(job: dict[str, Any]) -> int:
    return len((job["progress"] or {}).get("history", []))


def job_of(server: Server, job_id: str) -> dict[str, Any]:
    status, body = server.get(f"/training-jobs/{job_id}")
    assert status == 200, body
    found: dict[str, Any] = body
    return found


def tell_of_what_was_met(server: Server) -> None:
    """Some four hundred events: enough to train on."""
    met = [(n, (n * 7 + k * 3) % len(films.FILMS)) for n in range(len(films.PEOPLE)) for k in range(10)]
    events = [
        {"event_id": f"{n}:{item}", "user_id": films.PEOPLE[n], "item_id": films.FILMS[item], "type": "view", "ts": n}
        for n, item in met
    ]
    status, body = server.ask("POST", "/events", events)
    assert status == 200, body


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_c105_a_job_outlives_the_api_that_it_was_asked_of_and_the_worker_that_ran_it(
    request: pytest.FixtureRequest, serve: Serve, tmp_path: Path, kind: str
) -> None:
    place: Place = request.getfixturevalue(f"on_{kind}")
    port = free_port()
    first = serve(place, port=port)
    tell_of_what_was_met(first)
    job_id = first.ask("POST", "/training-jobs", ORDER)[1]["job_id"]
    quick = {"job_poll_seconds": 0.1, "job_beat_seconds": 0.1, "job_lease_seconds": 2, "job_threads": 1}
    env, log = place.env(**quick), tmp_path / "worker.log"
    with running("app", "worker", env=env, log=log):
        until(lambda: epochs(job_of(first, job_id)) > 1)
        first.kill()
        second = serve(place, active=None, port=port)
        found = job_of(second, job_id)
        assert (found["state"], found["attempts"]) == ("running", 1), found
        status, refused = second.ask("POST", "/training-jobs", ORDER)
        assert (status, refused["code"]) == (409, "job_conflict"), refused
        assert job_id in refused["detail"]
        until(lambda: epochs(job_of(second, job_id)) > epochs(found))
    # Now the worker is gone, too, with its training: the row stays, and the next one goes on from the last epoch.
    interrupted = job_of(second, job_id)
    assert interrupted["state"] == "running"
    assert second.ask("POST", "/training-jobs", ORDER)[0] == 409
    with running("app", "worker", env=env, log=log):
        until(lambda: job_of(second, job_id)["attempts"] == 2)
        until(lambda: epochs(job_of(second, job_id)) > epochs(interrupted))
        history = job_of(second, job_id)["progress"]["history"]
        assert [record["epoch"] for record in history] == list(range(1, len(history) + 1))
        second.ask("POST", f"/training-jobs/{job_id}/cancel")
        until(lambda: job_of(second, job_id)["state"] == "cancelled")
    assert second.ask("POST", "/training-jobs", ORDER)[0] == 202
