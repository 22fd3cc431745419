"""Secrets from mounted files: read as they are, completed into URLs, and every mistake told by the variable's name."""

import re
from pathlib import Path

import pytest

from app.settings import Settings, SettingsError, load_settings

PASSWORD = "a:b@c/d?e#f%g h"
"""Signs that mean something in a URL."""


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KTUP_DATABASE_URL", "KTUP_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


def a_file(tmp_path: Path, content: str | bytes) -> str:
    path = tmp_path / "secret"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def mistakes() -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return caught.value.problems


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_password_in_a_file_completes_the_url_whatever_signs_it_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str
) -> None:
    from sqlalchemy import make_url

    monkeypatch.setenv("KTUP_DATABASE_URL", "postgresql://ktup@db:5432/ktup?ssl=require")
    monkeypatch.setenv("KTUP_DATABASE_PASSWORD_FILE", a_file(tmp_path, PASSWORD + end))
    url = make_url(load_settings().database_url.get_secret_value())
    assert (url.username, url.password, url.host, url.database) == ("ktup", PASSWORD, "db", "ktup")
    assert url.query == {"ssl": "require"}


def test_the_password_of_redis_reaches_its_client_as_it_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from redis.connection import parse_url

    monkeypatch.setenv("KTUP_REDIS_URL", "redis://cache:6379/3")
    monkeypatch.setenv("KTUP_REDIS_PASSWORD_FILE", a_file(tmp_path, PASSWORD))
    url = load_settings().redis_url
    assert url is not None
    assert parse_url(url.get_secret_value()) == {"password": PASSWORD, "host": "cache", "port": 6379, "db": 3}  # type: ignore[no-untyped-call]


def test_a_whole_url_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KTUP_DATABASE_URL_FILE", a_file(tmp_path, "postgresql://u:p@h/d\n"))
    assert load_settings().database_url.get_secret_value() == "postgresql+asyncpg://u:p@h/d"


def test_a_variable_and_its_file_are_not_both_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KTUP_DATABASE_URL", "postgresql://u:p@h/d")
    monkeypatch.setenv("KTUP_DATABASE_URL_FILE", a_file(tmp_path, "postgresql://u:p@elsewhere/d"))
    assert mistakes() == ["KTUP_DATABASE_URL_FILE: KTUP_DATABASE_URL is set, too; set one of them"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "the file is empty"),
        (" \n", "the file is empty"),
        ("hunter2\nhunter3\n", "expected one line"),
        (b"hunter2\xff", "is no UTF-8 text"),
        ("hunter2" * 20_000, "more than 65,536 bytes"),
    ],
)
def test_a_file_that_holds_no_secret_is_told_by_its_variable_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | bytes, expected: str
) -> None:
    monkeypatch.setenv("KTUP_REDIS_PASSWORD_FILE", a_file(tmp_path, content))
    (mistake,) = mistakes()
    assert re.match(f"KTUP_REDIS_PASSWORD_FILE: .*{re.escape(expected)}", mistake)
    assert "hunter" not in mistake


def test_a_file_that_is_not_there_is_told_by_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KTUP_DATABASE_PASSWORD_FILE", str(tmp_path / "none"))
    (mistake,) = mistakes()
    assert mistake.startswith("KTUP_DATABASE_PASSWORD_FILE: cannot be read: No such file or directory: ")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://db/ktup", "no user"),
        ("postgresql://ktup:old@db/ktup", "a password of its own"),
        ("sqlite:///x.db", "SQLite has no password"),
    ],
)
def test_a_password_for_a_url_that_cannot_take_it_is_a_mistake(url: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        Settings(database_url=url, database_password="hunter2")
    assert "hunter2" not in str(caught.value)


def test_only_secrets_may_come_from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTUP_PORT_FILE", "/port")
    assert mistakes() == ["KTUP_PORT_FILE: no such setting; did you mean KTUP_PORT?"]
