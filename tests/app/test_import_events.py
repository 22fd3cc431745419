"""`python -m app import-events`: both formats, once however often, bad rows by their line, in bounded memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import select

from app.cli import main
from app.db.session import Database
from app.db.tables import Event, Interaction
from app.event_file import EventFile, InvalidEventFile
from tests.app import world
from tests.app.conftest import Backend

HEADER = "event_id,user_id,item_id,type,value,ts,recommendation_id\n"


@pytest.fixture
def run(backend: Backend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    async def fill() -> None:
        database = Database(backend.database_url)
        await world.store(database, world.tables())
        await database.close()

    anyio.run(fill)
    monkeypatch.setenv("KTUP_DATABASE_URL", backend.database_url)

    def command(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["app", "import-events", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out + captured.err

    return command


def rows(backend: Backend, statement: Any) -> list[tuple[Any, ...]]:
    async def read() -> list[tuple[Any, ...]]:
        database = Database(backend.database_url)
        async with database.reading() as connection:
            found = [tuple(row) for row in await connection.execute(statement)]
        await database.close()
        return found

    return anyio.run(read)


EVENTS = select(Event.event_id, Event.user_id, Event.item_id, Event.type, Event.value, Event.ts).order_by(
    Event.event_id
)


def test_csv_and_json_lines_say_the_same_and_twice_is_once(backend: Backend, run: Any, tmp_path: Path) -> None:
    csv, lines = tmp_path / "events.csv", tmp_path / "events.jsonl"
    csv.write_text(HEADER + 'e1,"new, one",a/b,rating,4.5,7,\ne2,中文,i2,view,,8,r1\n', encoding="utf-8-sig")
    lines.write_text(
        json.dumps({"event_id": "e1", "user_id": "new, one", "item_id": "a/b", "type": "rating", "value": 4.5, "ts": 7})
        + "\n\n"
        + json.dumps({"event_id": "e3", "user_id": "u1", "item_id": "i2", "type": "click", "value": None, "ts": 9})
    )
    code, text = run(str(csv))
    assert (code, "Stored: 2 events; 0 were there" in text) == (0, True)
    expected = [("e1", "new, one", "a/b", "rating", 4.5, 7), ("e2", "中文", "i2", "view", None, 8)]
    assert rows(backend, EVENTS) == expected
    code, text = run(str(csv))
    assert (code, "Stored: 0 events; 2 were there" in text) == (0, True)
    code, text = run(str(lines))
    assert (code, "Stored: 1 events; 1 were there" in text) == (0, True)
    assert rows(backend, EVENTS) == [*expected, ("e3", "u1", "i2", "click", None, 9)]
    met = select(Interaction.item_id, Interaction.value).where(Interaction.user_id == "new, one")
    assert rows(backend, met) == [("a/b", 4.5)]


def test_rows_that_cannot_be_read_are_told_by_line_and_nothing_is_stored_unless_they_may_be_skipped(
    backend: Backend, run: Any, tmp_path: Path
) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(
        HEADER.encode()
        + b"e1,u1,i2,view,,1,\ne2,u1,i2,stare,,1,\ne3,,i2,view,,1,\ne4,u1,i2,rating,,1,\ne5,u1,i2,view,nan,1,\n"
        b"e6,u1,i2,view,,1.5,\ne7,u\xff,i2,view,,1,\ne8,u1\ne9,u1,i3,view,,1,\n"
    )
    code, text = run(str(path))
    assert code == 2
    told = [line.removeprefix(f"{path}:") for line in text.splitlines() if line.startswith(str(path))]
    assert [line.split(": ", 2)[0] for line in told] == ["3", "4", "5", "6", "7", "8", "9"]
    assert [line.split(": ", 2)[1] for line in told[:6]] == ["type", "user_id", "value", "value", "ts", "user_id"]
    assert told[6] == "9: expected 7 cells; found 2"
    assert rows(backend, EVENTS) == []
    code, text = run(str(path), "--skip-bad")
    assert code == 1
    assert [row[0] for row in rows(backend, EVENTS)] == ["e1", "e9"]


def test_an_event_of_an_unknown_item_is_told_by_line_and_the_others_are_stored(
    backend: Backend, run: Any, tmp_path: Path
) -> None:
    path = tmp_path / "events.ndjson"
    event = {"user_id": "u1", "type": "view", "ts": 1}
    path.write_text("".join(json.dumps(event | {"event_id": i, "item_id": i}) + "\n" for i in ("i2", "nothing", "i3")))
    code, text = run(str(path))
    assert code == 1
    assert f"{path}:2: no item has its item_id" in text
    assert [row[0] for row in rows(backend, EVENTS)] == ["i2", "i3"]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("events.txt", "", 0),
        ("absent.csv", None, 0),
        ("events.csv", "", 1),
        ("events.csv", "event_id,user_id,item_id\n", 1),
        ("events.csv", HEADER.replace("value", "user_id"), 1),
        ("events.csv", HEADER + 'e1,"u1,i2,view,,1,', 2),
        ("events.jsonl", "[1]", 1),
        ("events.jsonl", '\n{"event_id": 5, "user_id": "u", "item_id": "i", "type": "view"}', 2),
        ("events.jsonl", '{"event_id": "\\ud800", "user_id": "u", "item_id": "i", "type": "view"}', 1),
        ("events.jsonl", '{"event_id": "e", "user_id": "u", "item_id": "i", "type": ["view"]}', 1),
        ("events.jsonl", '{"event_id": "e", "user_id": "u", "item_id": "i", "type": "view", "ts": true}', 1),
        ("events.jsonl", '{"event_id": "e", "user_id": "u", "item_id": "i", "type": "view", "weight": 1}', 1),
        ("events.jsonl", "[" * 100_000, 1),
    ],
)
def test_a_file_that_is_none_is_told_in_words(tmp_path: Path, name: str, content: str | None, line: int) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidEventFile) as caught:
        EventFile(path).check()
    assert [problem.startswith(f"{path}:{line}: ") for problem in caught.value.problems] == [True]


def test_a_long_file_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """300,000 events, 17 MB of text, take no more memory than the reading of 1,000 does, but for a few MB."""
    code = (
        "import resource, sys; from pathlib import Path; from app.event_file import EventFile\n"
        "file = EventFile(Path(sys.argv[1])); n = file.check()\n"
        "assert n == sum(len(piece) for piece in file.pieces(1_000))\n"
        "print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for n in (1_000, 300_000):
        path = tmp_path / f"{n}.csv"
        with path.open("w") as file:
            file.write(HEADER)
            file.writelines(f"event number {k},user {k % 977},item {k % 331},view,,{k},\n" for k in range(n))
        run = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
        )
        count, peak = map(int, run.stdout.split())
        assert count == n
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 8 * 1024, "kB"
