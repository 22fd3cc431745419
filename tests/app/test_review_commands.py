"""`python -m app candidates`, `decide` and `export-dataset`; what is exported is what was decided."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from app.cli import main
from app.db.knowledge import KnowledgeRepository
from app.db.review import ReviewRepository
from app.db.session import Database
from app.knowledge import AddedFacts
from app.review import CandidateFilter, Decision, Prediction
from app.tenancy import of_tenant
from app.worker.snapshot import SnapshotReader
from tests.app import world
from tests.app.conftest import Backend
from training.data.dataset import Dataset

TRUE, FALSE = ("f2", "genre", "horror"), ("f5", "director", "cameron")
STORED_ANYWAY, UNDECIDED = ("f5", "director", "scott"), ("f4", "genre", "horror")


@pytest.fixture
def numbers(backend: Backend) -> dict[tuple[str, str, str], int]:
    """The ids of four open candidates of the stored world."""

    async def prepare() -> dict[tuple[str, str, str], int]:
        database = Database(backend.database_url)
        await world.store(database, world.tables())
        reviews = ReviewRepository(database)
        facts = (TRUE, FALSE, STORED_ANYWAY, UNDECIDED)
        assert await reviews.propose("r1", [Prediction(fact, -1.0, 0.5, 2) for fact in facts]) == 4
        found = await reviews.candidates(CandidateFilter(), 10, 0)
        await database.close()
        return {each.prediction.fact: each.candidate_id for each in found}

    return anyio.run(prepare)


@pytest.fixture
def run(backend: Backend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command on the backend; gives its exit code."""
    monkeypatch.setenv("KTUP_DATABASE_URL", backend.database_url)
    monkeypatch.setenv("KTUP_RELEASES_DIR", str(tmp_path / "releases"))
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: object) -> int:
        monkeypatch.setattr("sys.argv", ["app", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0)

    return command


def test_decisions_come_out_as_training_facts_and_rejected_ones(
    backend: Backend, run: Any, numbers: dict[tuple[str, str, str], int], tmp_path: Path
) -> None:
    assert run("decide", numbers[TRUE], "accept", "--by", "anna", "--reason", "seen") == 0
    for fact in (FALSE, STORED_ANYWAY):
        assert run("decide", numbers[fact], "reject", "--by", "anna") == 0

    async def store_anyway() -> AddedFacts:
        database = Database(backend.database_url)
        added = await KnowledgeRepository(database).add([STORED_ANYWAY], create_entities=False)
        await database.close()
        return added

    assert anyio.run(store_anyway).added == 1
    assert run("export-dataset", "--out", tmp_path / "out", "--name", "ours") == 0
    written = Dataset.load(tmp_path / "out")
    splits = {(head, relation, tail): split for head, relation, tail, split in written.triples.rows()}
    assert set(splits) == {*world.FACTS, TRUE, STORED_ANYWAY}
    assert splits[TRUE] == "train"
    assert written.rejected.rows() == [FALSE]
    assert written.name == "ours"


def test_what_cannot_be_done_is_told_in_one_line(
    run: Any, numbers: dict[tuple[str, str, str], int], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("decide", numbers[TRUE], "accept", "--by", "anna") == 0
    capfd.readouterr()
    for arguments, told in (
        (("decide", numbers[TRUE], "reject", "--by", "ben"), "was accepted before"),
        (("decide", 99_999, "reject", "--by", "ben"), "No candidate has the id '99999'"),
        (("decide", numbers[FALSE], "reject", "--by", " "), "--by"),
        (("export-dataset", "--out", tmp_path), "exists; name another place"),
        (("export-dataset", "--out", "/proc/1/none/out"), "nothing can be written into /proc/1"),
        (("candidates",), "No release is active"),
    ):
        assert run(*arguments) == 2
        assert told in capfd.readouterr().err, arguments


def test_a_snapshot_has_the_rejected_facts_of_its_tenant_alone(
    backend: Backend, numbers: dict[tuple[str, str, str], int]
) -> None:
    async def read() -> tuple[list[Any], list[Any]]:
        database = Database(backend.database_url)
        await ReviewRepository(database).decide(numbers[FALSE], Decision("reject", "anna", None))
        mine = (await SnapshotReader(database).read())["rejected"].rows()
        with of_tenant(2):
            theirs = (await SnapshotReader(database).read())["rejected"].rows()
        await database.close()
        return mine, theirs

    assert anyio.run(read) == ([FALSE], [])
