"""The operator's commands around predicted facts, and the way of what was decided back into training."""

import asyncio
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from app.dataset_writer import dealt, write_dataset
from app.db.labels import entity_repository, relation_repository
from app.db.opened import opened
from app.db.releases import ReleaseRepository
from app.db.stores import open_stores
from app.errors import NoActiveRelease
from app.lazy_releases import LazyReleaseStore
from app.ports import LoadedRelease
from app.review import Decision, StoredCandidate
from app.services.review import Proposal, ReviewService
from app.services.scoring import ScoringPool
from app.settings import load_settings
from app.worker.snapshot import SnapshotReader
from models.durable import closed_above

_out = Console(soft_wrap=True, highlight=False)


def candidates(
    gaps: Annotated[int, typer.Option(min=1, max=100_000, help="Gaps to predict for.")] = 1_000,
    per_gap: Annotated[int, typer.Option(min=1, max=10, help="Candidates for each gap.")] = 3,
    least_share: Annotated[
        float, typer.Option(min=0, max=1, help="Only relations that this share of the entities of items have.")
    ] = 0.5,
) -> None:
    """Predict what may fill the gaps that touch most people, to be reviewed; the active release predicts."""
    made = asyncio.run(_predict(gaps, per_gap, least_share))
    _out.print(
        f"{made.release} predicted {made.predicted:,} facts for {made.gaps:,} gaps; {made.open:,} candidates are open."
    )


def decide(
    candidate: Annotated[int, typer.Argument(metavar="CANDIDATE", help="The id of a candidate.")],
    decision: Annotated[Literal["accept", "reject"], typer.Argument(help="What is decided, once.")],
    by: Annotated[str, typer.Option(help="Who decides.")],
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
) -> None:
    """Accept a predicted fact, which is then in the graph, or reject it, so that it is never predicted again."""
    if not by.strip():
        raise typer.BadParameter("expected a name", param_hint="--by")
    decided = asyncio.run(_decide(candidate, Decision(decision, by, reason)))
    _out.print(f"{decided.state}: {', '.join(decided.prediction.fact)}", markup=False)


def export_dataset(
    out: Annotated[Path, typer.Option(help="The directory to write; it must not exist.")],
    name: Annotated[str, typer.Option(help="How the data set is called.")] = "database",
) -> None:
    """Write what is stored as a data set to train on: accepted facts to learn, rejected ones as what is false.

    It names people: keep it as you keep the database, and delete it when it has done its work.
    """
    if out.exists():
        raise typer.BadParameter(f"{out} exists; name another place", param_hint="--out")
    if (closed := closed_above(out)) is not None:
        raise typer.BadParameter(f"{out} cannot be made: nothing can be written into {closed}", param_hint="--out")
    counts = asyncio.run(_export(out, name))
    _out.print("Written: " + ", ".join(f"{n:,} {table}" for table, n in counts.items()) + ".")


class _Given:
    """A release that was loaded for one command."""

    def __init__(self, release: LoadedRelease) -> None:
        self._release = release

    def current(self) -> LoadedRelease:
        return self._release


async def _predict(gaps: int, per_gap: int, least_share: float) -> Proposal:
    settings = load_settings()
    async with opened(settings) as database:
        active = await ReleaseRepository(database).active()
        if active is None:
            raise NoActiveRelease
        stores, release = (
            open_stores(database),
            _Given(LazyReleaseStore(settings.releases_dir, settings.user_vectors).load(active)),
        )
        names = entity_repository(database), relation_repository(database)
        service = ReviewService(stores.gaps, stores.reviews, *names, release, ScoringPool(1, 0))
        return await service.predict(gaps, per_gap, least_share)


async def _decide(candidate_id: int, decision: Decision) -> StoredCandidate:
    async with opened(load_settings()) as database:
        return await open_stores(database).reviews.decide(candidate_id, decision)


async def _export(out: Path, name: str) -> dict[str, int]:
    async with opened(load_settings()) as database:
        tables = dealt(await SnapshotReader(database).read())
    write_dataset(out, name, tables)
    return {table: frame.height for table, frame in tables.items()}
