"""Releases: what is on disk, what is active, what was refused and why."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from app.services.releases import Activation, ListedRelease


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
    )
