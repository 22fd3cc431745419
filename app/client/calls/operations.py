"""Releases, experiments, training, figures and health."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.client.call import Call, answer, given, text
from app.client.models.operations import (
    Activation,
    Diff,
    Evaluation,
    Experiment,
    Job,
    JobList,
    Liveness,
    Online,
    Readiness,
    ReleaseList,
)


def releases() -> Call[ReleaseList]:
    """List the releases on disk, newest first."""
    return Call("GET", "/releases", answer(ReleaseList))


def activate_release(release_id: str) -> Call[Activation]:
    """Check a release and answer with it from now on."""
    return Call("POST", "/releases/{release_id}/activate", answer(Activation), {"release_id": release_id})


def roll_back() -> Call[Activation]:
    """Answer again with the release that was active before. Sent once only: a second one would go back further."""
    return Call("POST", "/releases/rollback", answer(Activation), repeatable=False)


def diff_releases(release_id: str, *, against: str | None = None) -> Call[Diff]:
    """Hold the figures of a release against those of another, or of the active one."""
    return Call("GET", "/releases/{release_id}/diff", answer(Diff), {"release_id": release_id}, {"against": against})


def experiment() -> Call[Experiment]:
    """Give the experiment that runs."""
    return Call("GET", "/releases/ab", answer(Experiment))


def start_experiment(b: str, share: float, *, a: str | None = None) -> Call[Experiment]:
    """Answer a share of the users with a second release. Sent once only: each one deals the users anew."""
    body = given({"a": a, "b": b, "share": share})
    return Call("POST", "/releases/ab", answer(Experiment), body=body, repeatable=False)


def end_experiment() -> Call[Experiment]:
    """End the experiment."""
    return Call("DELETE", "/releases/ab", answer(Experiment))


def evaluation() -> Call[Evaluation]:
    """Give the offline evaluation of the active release."""
    return Call("GET", "/evaluation", answer(Evaluation))


def online(*, since: datetime | None = None, until: datetime | None = None) -> Call[Online]:
    """Give click-through by release and strategy."""
    return Call("GET", "/evaluation/online", answer(Online), params={"since": _iso(since), "until": _iso(until)})


def start_job(
    *,
    dataset: str | None = None,
    preset: str | None = None,
    system: str | None = None,
    settings: Mapping[str, Any] | None = None,
    activate: bool | None = None,
    max_drop: float | None = None,
    refit: bool | None = None,
) -> Call[Job]:
    """Queue a training job. Sent once only: a second one is a job of its own, or a conflict."""
    body = {
        "dataset": dataset,
        "preset": preset,
        "system": system,
        "settings": settings,
        "activate": activate,
        "max_drop": max_drop,
        "refit": refit,
    }
    return Call("POST", "/training-jobs", answer(Job), body=given(body), repeatable=False)


def jobs(*, limit: int | None = None) -> Call[JobList]:
    """List the newest training jobs."""
    return Call("GET", "/training-jobs", answer(JobList), params={"limit": limit})


def job(job_id: str) -> Call[Job]:
    """Give a training job: how far it is, and what came of it."""
    return Call("GET", "/training-jobs/{job_id}", answer(Job), {"job_id": job_id})


def cancel_job(job_id: str) -> Call[Job]:
    """End a training job."""
    return Call("POST", "/training-jobs/{job_id}/cancel", answer(Job), {"job_id": job_id})


def live() -> Call[Liveness]:
    """Tell whether the process answers."""
    return Call("GET", "/health/live", answer(Liveness))


def ready() -> Call[Readiness]:
    """Tell whether the service can answer; the error names what is missing. Asked once, as it is a question."""
    return Call("GET", "/health/ready", answer(Readiness), repeatable=False)


def metrics() -> Call[str]:
    """Give the figures for Prometheus."""
    return Call("GET", "/metrics", text)


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
