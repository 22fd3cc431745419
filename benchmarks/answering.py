"""What one answer costs in CPU time, without HTTP, and whether two states of the code answer alike to the byte.

    python -m benchmarks.answering --release ID --keep FILE      keep the bytes of answers
    python -m benchmarks.answering --release ID --against FILE   hold them against what was kept

The database and the releases are those of KTUP_DATABASE_URL and KTUP_RELEASES_DIR. CPU time is that of the process,
all its threads: it holds on a busy machine, where wall time does not, but still grows by what caches are shared with.
"""

import asyncio
import json
import re
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.dependencies import Services
from app.main import create_app, set_aside
from app.schemas.batches import render_batch, render_result
from app.services.batches import Batch
from app.services.recommendations import RecommendationQuery
from app.settings import load_settings
from benchmarks.servers import user_ids

Explain = Literal["none", "summary", "full"]
_OWN = re.compile(rb'"(recommendation_id|next_cursor)":"[^"]*"')
"""What each computed list has of its own: its id, and a cursor, in which the time stands."""
_numbers = count()


def spread(ids: Sequence[str], n: int) -> list[str]:
    """Choose n ids that lie evenly apart, each once; all of them where there are no more."""
    n = min(n, len(ids))
    return [ids[k * len(ids) // n] for k in range(n)]


def comparable(body: bytes) -> str:
    """Give an answer without what each computed list has of its own."""
    return _OWN.sub(rb'"\1":""', body).decode("utf-8")


async def told(services: Services, users: Sequence[str], full: Sequence[str]) -> dict[str, str]:
    """Give the answers by what was asked, without what each computed list has of its own."""
    asked: list[tuple[str, Explain]] = [(user, explain) for explain in ("none", "summary") for user in users]
    asked += [(user, "full") for user in full]
    answers = {
        f"{explain} {user}": await services.recommendations.recommend(RecommendationQuery(user, explain=explain))
        for user, explain in asked
    }
    for explain in ("none", "summary"):
        answers[f"batch {explain}"] = await _batch(services, users, explain)
    return {name: comparable(body) for name, body in answers.items()}


async def _one(services: Services, user: str, explain: Explain) -> bytes:
    """Ask what nobody asked before: no cached answer fits."""
    query = RecommendationQuery(user, exclude=(f"x{next(_numbers)}",), explain=explain)
    return await services.recommendations.recommend(query)


async def _batch(services: Services, users: Sequence[str], explain: Explain) -> bytes:
    batch = Batch(tuple(users), RecommendationQuery(users[0], explain=explain))
    written = {result.user_id: render_result(result) async for result in services.batches.recommend(batch)}
    return render_batch(written[user] for user in users)


async def _cpu(function: Callable[[], Awaitable[object]]) -> float:
    began = time.process_time()
    await function()
    return 1e3 * (time.process_time() - began)


async def costs(services: Services, users: Sequence[str], full: Sequence[str], many: Sequence[str]) -> dict[str, float]:
    """Give milliseconds of CPU time: medians of single answers, of a user of a batch, of one pair told in full.

    Every user is asked for plainly and with reasons in turn: what else the machine does falls on both alike.
    """
    found: dict[str, list[float]] = {"none": [], "summary": [], "full": []}
    for user in users:
        for explain in ("none", "summary"):
            found[explain].append(await _cpu(lambda u=user, e=explain: _one(services, u, e)))  # type: ignore[misc]
    for user in full:
        pair = RecommendationQuery(user, limit=1, exclude=(f"x{next(_numbers)}",), explain="full")
        found["full"].append(await _cpu(lambda q=pair: services.recommendations.recommend(q)))  # type: ignore[misc]
    figures = {f"{name}, median": statistics.median(values) for name, values in found.items() if values}
    figures |= {f"{name}, mean": statistics.mean(values) for name, values in found.items() if values}
    for explain in ("none", "summary"):
        tries = [await _cpu(lambda e=explain: _batch(services, many, e)) for _ in range(3)]  # type: ignore[misc]
        figures[f"a user of a batch of {len(many)}, {explain}"] = min(tries) / len(many)
    figures["summary / none"] = figures["summary, median"] / figures["none, median"]
    for explain in ("none", "summary"):
        alone = figures[f"{explain}, mean"]
        figures[f"one by one / batch, {explain}"] = alone / figures[f"a user of a batch of {len(many)}, {explain}"]
    return figures


async def measured(
    users: Sequence[str], full: Sequence[str], many: Sequence[str]
) -> tuple[dict[str, str], dict[str, float]]:
    """Start the service in this process, ask it, and stop it."""
    app = create_app(load_settings(), prepared=set_aside)
    async with app.router.lifespan_context(app):
        services: Services = app.state.services
        await services.releases.looked()
        answers = await told(services, users, full)
        return answers, await costs(services, users, full, many) if many else {}


def main(
    release: Annotated[str, typer.Option(help="The active release: whose users are asked for.")],
    users: Annotated[int, typer.Option(help="Users that are asked for.")] = 200,
    full: Annotated[int, typer.Option(help="Users that are told in full.")] = 20,
    batch: Annotated[int, typer.Option(help="Users of the batch; with 0, nothing is measured.")] = 1_000,
    keep: Annotated[Path | None, typer.Option(help="Where to keep the answers.")] = None,
    against: Annotated[Path | None, typer.Option(help="Kept answers that these must equal.")] = None,
) -> None:
    """Ask, compare and measure."""
    ids = user_ids(load_settings().releases_dir / release / "model" / "users.json")
    answers, figures = asyncio.run(measured(spread(ids, users), spread(ids, full), spread(ids, batch)))
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}, indent=2))
    if keep is not None:
        keep.write_text(json.dumps(answers), encoding="utf-8")
    if against is not None:
        before: dict[str, str] = json.loads(against.read_text(encoding="utf-8"))
        other = [name for name in before if answers.get(name) != before[name]]
        print(f"{len(before) - len(other)} of {len(before)} answers are the same to the byte; others: {other[:10]}")
        raise typer.Exit(int(bool(other)))


if __name__ == "__main__":
    typer.run(main)
