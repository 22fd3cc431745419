"""What people called false goes out with an export, and is called false wherever it is imported."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio
import polars as pl
import pytest

from app.cli import main
from app.dataset import DatasetReader, InvalidDataset
from app.db.review import ReviewRepository
from app.db.schema import migrate
from app.db.session import Database
from app.ports import CompletionQuery
from app.review import CandidateFilter, Decision, Prediction, StoredCandidate
from tests.app import world
from tests.app.conftest import Backend

T = TypeVar("T")
FALSE, OPEN, ACCEPTED = ("f5", "director", "cameron"), ("f4", "genre", "horror"), ("f2", "genre", "horror")


def run(monkeypatch: pytest.MonkeyPatch, url: str, *arguments: object) -> None:
    monkeypatch.setenv("KTUP_DATABASE_URL", url)
    monkeypatch.setattr("sys.argv", ["app", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code in (0, None)


def ask(url: str, question: Callable[[Database], Awaitable[T]]) -> T:
    async def inside() -> T:
        database = Database(url)
        try:
            return await question(database)
        finally:
            await database.close()

    return anyio.run(inside)


async def rejected(database: Database) -> list[StoredCandidate]:
    return await ReviewRepository(database).candidates(CandidateFilter(state="rejected"), 10, 0)


async def decide(database: Database) -> None:
    """FALSE and OPEN are rejected here."""
    await world.store(database, world.tables())
    reviews = ReviewRepository(database)
    await reviews.propose("r1", [Prediction(fact, -1.0, 0.5, 2) for fact in (FALSE, OPEN, ACCEPTED)])
    for candidate in await reviews.candidates(CandidateFilter(), 10, 0):
        if candidate.prediction.fact != ACCEPTED:
            await reviews.decide(candidate.candidate_id, Decision("reject", "anna", "no"))


async def prepare(database: Database) -> None:
    """There, OPEN is open still and FALSE was never predicted; FALSE's neighbour was accepted."""
    await world.store(database, world.tables())
    reviews = ReviewRepository(database)
    await reviews.propose("r2", [Prediction(OPEN, -0.5, None, 1), Prediction(ACCEPTED, -0.1, None, 1)])
    for candidate in await reviews.candidates(CandidateFilter(), 10, 0):
        if candidate.prediction.fact == ACCEPTED:
            await reviews.decide(candidate.candidate_id, Decision("accept", "ben", None))


@pytest.fixture
def other(request: pytest.FixtureRequest, backend: Backend, empty_database: Callable[[str], str]) -> str:
    """A second migrated database of the same kind."""
    url = empty_database(backend.kind)
    migrate(url)
    return url


def test_rejections_come_back_with_an_import_and_twice_is_once(
    backend: Backend, other: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ask(backend.database_url, decide)
    run(monkeypatch, backend.database_url, "export-dataset", "--out", tmp_path / "out")
    ask(other, prepare)
    for _ in range(2):
        run(monkeypatch, other, "import", tmp_path / "out")
        found = {candidate.prediction.fact: candidate for candidate in ask(other, rejected)}
        assert set(found) == {FALSE, OPEN}
        assert {candidate.decided_by for candidate in found.values()} == {"imported"}
        # What was predicted there keeps its score; what came with the data set alone has none to tell.
        assert [(found[f].prediction.score, found[f].release) for f in (OPEN, FALSE)] == [
            (-0.5, "r2"),
            (0.0, "imported"),
        ]
    query = CompletionQuery("f5", "director", None)
    assert ask(other, lambda database: ReviewRepository(database).rejected(query)) == {"cameron"}
    accepted = ask(
        other, lambda database: ReviewRepository(database).candidates(CandidateFilter(state="accepted"), 10, 0)
    )
    assert [(c.prediction.fact, c.decided_by) for c in accepted] == [(ACCEPTED, "ben")]
    run(monkeypatch, other, "export-dataset", "--out", tmp_path / "again")
    written = [pl.read_parquet(tmp_path / name / "rejected.parquet").rows() for name in ("out", "again")]
    assert written[0] == written[1] == sorted([FALSE, OPEN])


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("f5", "director", "nobody"), "tail holds 'nobody'"),
        (("f5", "nothing", "scott"), "relation holds 'nothing'"),
        (("f5", "director", None), "row 2, column tail"),
    ],
)
def test_a_broken_table_of_rejections_is_told_before_anything_is_stored(
    sqlite: Backend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, row: Any, told: str
) -> None:
    ask(sqlite.database_url, decide)
    run(monkeypatch, sqlite.database_url, "export-dataset", "--out", tmp_path / "out")
    rows = [FALSE, row]
    pl.DataFrame(rows, schema=["head", "relation", "tail"], orient="row").write_parquet(
        tmp_path / "out" / "rejected.parquet"
    )
    with pytest.raises(InvalidDataset, match=told):
        DatasetReader(tmp_path / "out")
