"""Settings: told by name when wrong, and never shown when secret."""

import os

import pytest
from pydantic import ValidationError

from app.settings import Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("KTUP_"):
            monkeypatch.delenv(name)


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTUP_PORT", "99999")
    monkeypatch.setenv("KTUP_DATABASE_URL", "mysql://somewhere")
    monkeypatch.setenv("KTUP_CACHE_TTL_SECONDS", "soon")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    names = sorted(problem.partition(":")[0] for problem in caught.value.problems)
    assert names == ["KTUP_CACHE_TTL_SECONDS", "KTUP_DATABASE_URL", "KTUP_PORT"]


def test_a_misspelt_setting_is_told_with_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTUP_DATABSE_URL", "sqlite:///x.db")
    with pytest.raises(SettingsError, match=r"KTUP_DATABSE_URL: no such setting; did you mean KTUP_DATABASE_URL\?"):
        load_settings()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite+aiosqlite:///:memory:", "file.db", ""])
def test_a_database_that_cannot_be_shared_or_read_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(database_url=url)


def test_common_spellings_of_a_database_url_get_our_drivers() -> None:
    for given, expected in {
        "postgres://u:p@h/db": "postgresql+asyncpg://u:p@h/db",
        "postgresql://u@/db?host=/run/pg": "postgresql+asyncpg://u@/db?host=/run/pg",
        "sqlite:///x.db": "sqlite+aiosqlite:///x.db",
    }.items():
        settings = Settings(database_url=given)
        assert settings.database_url.get_secret_value() == expected


def test_passwords_stand_in_no_repr_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        database_url="postgresql://u:hunter2@h/db",
        redis_url="redis://:hunter2@h",
    )
    assert "hunter2" not in repr(settings) + str(settings) + str(settings.model_dump())
    monkeypatch.setenv("KTUP_REDIS_URL", "http://:hunter2@h")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_settings_cannot_be_changed() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]
