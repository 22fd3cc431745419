"""The commands of docs/how-to/backup.md, run as they stand there, beside a server that goes on answering."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pgserver
import pytest

from app.db.schema import migrate
from tests.conftest import execute, in_database
from tests.faults import films
from tests.faults.conftest import Place, Serve, store
from tests.faults.processes import ROOT

PAGE = (ROOT / "docs/how-to/backup.md").read_text(encoding="utf-8")


def commands(heading: str) -> tuple[str, str]:
    """The commands of a section: of the backup, and of the restoring."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    backup, restore = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return backup, restore


def shell(script: str, place: Place, database: str) -> str:
    """Run commands in the folder of the service, with this Python and the tools of the PostgreSQL under test."""
    tools = [str(Path(sys.executable).parent), str(Path(pgserver.__file__).parent / "pginstall" / "bin")]
    env = place.env() | {"DATABASE": database, "PYTHONPATH": str(ROOT)}
    env |= {"PATH": os.pathsep.join([*tools, os.environ["PATH"]])}
    words = ["bash", "-euo", "pipefail", "-c", script]
    ended = subprocess.run(words, cwd=place.folder, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture
def home(releases: Path, tmp_path: Path) -> Path:
    """A folder as the page takes it for granted: everything of the service under `var`."""
    (tmp_path / "var").mkdir()
    shutil.copytree(releases, tmp_path / "var" / "releases")
    return tmp_path


def check(place: Place, serve: Serve, heading: str, database: str, lose: str) -> None:
    server = serve(place)
    event = {"event_id": "kept", "user_id": "u5", "item_id": "i9", "type": "rating", "value": 5.0, "ts": 7}
    assert server.ask("POST", "/events", [event])[0] == 200
    paths = [f"/users/{user}/recommendations?limit=20" for user in films.PEOPLE[:6]] + ["/users/u5/history"]
    before = [_answer(server.get(path)[1]) for path in paths]
    backup, restore = commands(heading)
    shell(backup, place, database)
    # What comes after the backup is not in it.
    assert server.ask("POST", "/events", [{**event, "event_id": "late", "item_id": "i8"}])[0] == 200
    assert server.terminate() == 0
    shutil.rmtree(place.releases)
    if lose == "sqlite":
        (place.folder / "var" / "ktup.db").write_bytes(b"rubbish")
    else:
        execute(lose, f"DROP DATABASE {_name(database)} WITH (FORCE)")
        execute(lose, f"CREATE DATABASE {_name(database)}")
    assert "a" in shell(restore, place, database)
    again = serve(place, active=None)
    again.wait_until_ready()
    assert [_answer(again.get(path)[1]) for path in paths] == before
    assert again.ask("POST", "/events", [event])[1]["duplicates"] == 1


def _answer(body: dict[str, object]) -> dict[str, object]:
    """What is neither drawn anew for each computation nor tells its time."""
    return {name: value for name, value in body.items() if name not in ("recommendation_id", "next_cursor")}


def _name(database: str) -> str:
    return database.partition("?")[0].rsplit("/", 1)[1]


def test_sqlite_and_its_releases_come_back_as_they_were(home: Path, filled_file: Path, serve: Serve) -> None:
    shutil.copy(filled_file, home / "var" / "ktup.db")
    place = Place(f"sqlite+aiosqlite:///{home / 'var' / 'ktup.db'}", home / "var" / "releases", home)
    check(place, serve, "SQLite", "", "sqlite")


def test_postgres_and_its_releases_come_back_as_they_were(home: Path, postgres_url: str, serve: Serve) -> None:
    execute(postgres_url, "CREATE DATABASE backed_up")
    url = in_database(postgres_url, "backed_up")
    migrate(url)
    store(url)
    place = Place(url, home / "var" / "releases", home)
    check(place, serve, "PostgreSQL", url.replace("+asyncpg", ""), postgres_url)
