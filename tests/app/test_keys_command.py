"""`python -m app keys`: made once, shown once, listed without secrets, revoked."""

from typing import Any

import anyio
import pytest

from app.cli import main
from app.db.keys import KeyRepository
from app.db.session import Database
from tests.app.conftest import Backend


@pytest.fixture
def run(backend: Backend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setenv("KTUP_DATABASE_URL", backend.database_url)
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["app", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out + captured.err

    return command


def test_a_key_is_made_listed_without_its_secret_and_revoked(backend: Backend, run: Any) -> None:
    code, text = run("keys", "create", "shop", "--scopes", "read,write", "--rate-limit", "5/second")
    assert code == 0
    _, key_id, secret = text.strip().split("_", 2)
    code, listed = run("keys", "list")
    assert key_id in listed
    assert "read write" in listed
    assert secret not in listed
    assert run("keys", "revoke", key_id)[0] == 0
    assert run("keys", "revoke", key_id)[0] == 2

    async def found() -> Any:
        database = Database(backend.database_url)
        key = await KeyRepository(database).find(key_id)
        await database.close()
        return key

    assert anyio.run(found) is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--scopes", "read,everything"], "expected some of admin, read, write"),
        (["--rate-limit", "often"], "expected a number, a slash"),
        (["--tenant", "nobody"], "No tenant has the name 'nobody'"),
    ],
)
def test_a_mistake_makes_no_key(run: Any, arguments: list[str], told: str) -> None:
    code, text = run("keys", "create", "shop", *arguments)
    assert code == 2
    assert told in text.replace("│", "").replace("\n", " ")
    assert "shop" not in run("keys", "list")[1]


def test_a_server_for_other_machines_does_not_start_before_the_first_key(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KTUP_HOST", "0.0.0.0")
    monkeypatch.setattr("uvicorn.run", lambda *_a, **_k: None)
    code, text = run("serve")
    assert (code, "no key has been made yet" in text) == (2, True)
    run("keys", "create", "first")
    assert run("serve")[0] == 0
