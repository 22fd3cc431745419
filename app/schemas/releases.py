"""Releases: what is on disk, what is active, what was refused and why."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.ids import ExternalId
from app.schemas.strict import StrictBody
from app.services.comparison import Comparison, Evaluation
from app.services.releases import Activation, ListedRelease
from app.stored_operations import ExperimentRow

Figures = dict[str, float | None]


class ReleaseBody(BaseModel):
    """A release on disk, as its manifest and the database tell it."""

    release_id: str = Field(description="The release.", examples=["sample-2026-01-31"])
    created_at: str = Field(description="When it was made, as its manifest says.")
    model: str = Field(description="The model it holds.", examples=["ktup-soft"])
    dataset: str = Field(description="The data it was trained on.", examples=["sample"])
    metrics: dict[str, Any] = Field(description="The figures of its evaluation.")
    counts: dict[str, int] = Field(description="Users, items, entities and relations in it.")
    active: bool = Field(description="Whether it is the one that answers.")
    activated_at: datetime | None = Field(description="When it was last activated; null if it never was.")
    problem: str | None = Field(description="Why it cannot be used or was refused; null if nothing is known.")
    loaded: bool = Field(
        description="Whether this process has it loaded, so that lists can be asked of it by its id: the active one "
        "is, and the second one of an experiment."
    )
    rebuilt: str | None = Field(
        description="Why this process made its index again, in memory: a file of it is broken, and which. Null where "
        "the index was read, or the release is not loaded."
    )


class ReleaseList(BaseModel):
    """The releases on disk, newest first."""

    releases: list[ReleaseBody] = Field(description="Broken ones are listed too, with their problem.")

    @classmethod
    def of(cls, listed: Sequence[ListedRelease]) -> "ReleaseList":
        """Convert what the service says."""
        return cls(releases=[_body(release) for release in listed])


class ActivationBody(BaseModel):
    """The outcome of an activation."""

    release_id: str = Field(description="The release that answers from now on.")
    previous: str | None = Field(description="The one that answered until now; null if there was none.")

    @classmethod
    def of(cls, activation: Activation) -> "ActivationBody":
        """Convert what the service says."""
        return cls(release_id=activation.release_id, previous=activation.previous)


class DiffParameters(BaseModel):
    """What a release is held against."""

    model_config = ConfigDict(extra="forbid")

    against: ExternalId | None = Field(None, description="Another release; the active one if left out.")


class DifferenceBody(BaseModel):
    """One figure in two releases."""

    metric: str = Field(description="The figure, by its dotted name.", examples=["recommendation.f1"])
    release: float | None = Field(description="In the release; null if it has none.", examples=[0.201])
    against: float | None = Field(description="In the other one; null if it has none.", examples=[0.194])
    change: float | None = Field(description="The first less the second; null if one is missing.", examples=[0.007])


class DiffBody(BaseModel):
    """Two releases, figure by figure."""

    release_id: str = Field(description="The release.")
    against: str = Field(description="What it is held against.")
    comparable: bool = Field(description="Whether both were measured on the same rows in the same way.")
    caveats: list[str] = Field(
        description="Why they are not comparable: `other_data`, `other_refit` (one learnt from validation rows that "
        "the other did not), `other_protocol`, `other_split`, `other_top_n`."
    )
    metrics: list[DifferenceBody] = Field(description="Every figure that one of them has, by name.")

    @classmethod
    def of(cls, comparison: Comparison) -> "DiffBody":
        """Convert what the service says."""
        return cls(
            release_id=comparison.release.release_id,
            against=comparison.against.release_id,
            comparable=not comparison.caveats,
            caveats=list(comparison.caveats),
            metrics=[
                DifferenceBody(metric=d.metric, release=d.release, against=d.against, change=d.change)
                for d in comparison.differences
            ],
        )


class EvaluationBody(BaseModel):
    """How the active release was measured offline, and what came out."""

    release_id: str = Field(description="The release that answers.")
    created_at: str = Field(description="When it was made and measured.")
    model: str = Field(description="The model it holds.", examples=["ktup-soft"])
    dataset: str = Field(description="The data it was trained and measured on.", examples=["sample"])
    dataset_hash: str | None = Field(description="The hash of that data's content; null if the manifest has none.")
    protocol: str | None = Field(description="`strict`, or the paper's; null if nothing was measured.")
    split: str | None = Field(description="The rows that were measured; null if none were.", examples=["test"])
    top_n: int | None = Field(description="How long the measured lists were; null if none were.", examples=[10])
    seed: int | None = Field(description="The seed of the training; null if the manifest has none.", examples=[0])
    recommendation: Figures | None = Field(description="Figures of recommendation; null if not measured.")
    most_popular: Figures | None = Field(description="The same for the most popular items; null if not measured.")
    completion: Figures | None = Field(description="Figures of graph completion; null if not measured.")
    calibration: dict[str, Any] | None = Field(
        description="How the probabilities of missing facts held on the test facts; null without a calibration."
    )
    reasons: dict[str, Any] | None = Field(
        description="Whether reasons held when they were tried, as `python -m training audit` found; null without an "
        "audit in the release's folder."
    )

    @classmethod
    def of(cls, evaluation: Evaluation) -> "EvaluationBody":
        """Convert what the service says."""
        info = evaluation.release
        return cls.model_validate(
            {
                "release_id": info.release_id,
                "created_at": info.created_at,
                "model": info.model,
                "dataset": info.dataset,
                "dataset_hash": info.extra.get("dataset_hash"),
                **{name: getattr(evaluation, name) for name in cls.model_fields if hasattr(evaluation, name)},
            }
        )


class ExperimentOrder(StrictBody):
    """Which two releases are to answer side by side."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"a": None, "b": "r2", "share": 0.1}]})

    a: ExternalId | None = Field(None, description="The release for everybody else; the active one if left out.")
    b: ExternalId = Field(description="Another release, for a share of the users.")
    share: float = Field(ge=0, le=1, allow_inf_nan=False, description="How many users get `b`, from 0 to 1.")


class ExperimentBody(BaseModel):
    """Two releases that answer side by side. A user gets the same one as long as the experiment runs."""

    experiment_id: str = Field(description="The experiment; users are dealt anew in each.")
    a: str = Field(description="The active release: for everybody else, and for calls that are about no user.")
    b: str = Field(description="The release for a share of the users.")
    share: float = Field(description="How many users get `b`, from 0 to 1.", examples=[0.1])
    started_at: datetime = Field(description="When it started.")
    ended_at: datetime | None = Field(description="When it ended; null while it runs.")

    @classmethod
    def of(cls, row: ExperimentRow) -> "ExperimentBody":
        """Convert what the service says."""
        return cls(
            experiment_id=row.experiment_id,
            a=row.release_a,
            b=row.release_b,
            share=row.share,
            started_at=row.started_at,
            ended_at=row.ended_at,
        )


def _body(release: ListedRelease) -> ReleaseBody:
    info = release.info
    return ReleaseBody(
        release_id=info.release_id,
        created_at=info.created_at,
        model=info.model,
        dataset=info.dataset,
        metrics=dict(info.metrics),
        counts=dict(info.counts),
        active=release.active,
        activated_at=release.activated_at,
        problem=release.problem,
        loaded=release.loaded,
        rebuilt=release.rebuilt,
    )
