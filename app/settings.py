"""Environment variables to one frozen `Settings`; every mistake is told by the name of its variable.

SettingsError(problems)    each problem is one line: `KTUP_PORT: …`
"""

import difflib
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.secret_files import SUFFIX, read_secrets

PREFIX = "KTUP_"
RATE_LIMIT = re.compile(r"^[1-9][0-9]{0,8}/(second|minute|hour|day)$")
"""How a limit of calls is written."""

_OF_CALLS = ("KTUP_URL", "KTUP_KEY")  # what `python -m app call` reads, which may stand beside the settings of a server
_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}

_SECRETS = ("database_password", "database_url", "redis_password", "redis_url", "vector_engine_token")
"""What may be told by a file, too: `KTUP_DATABASE_URL_FILE`."""


def _split(given: object) -> object:
    return [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else given


Origin = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$", to_lower=True)]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:\[\]-]+$", to_lower=True)]


class SettingsError(Exception):
    """The environment cannot be used; `problems` has one line for each variable."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(BaseSettings):
    """What an operator can set. URLs are secrets: they may hold passwords, so no repr or log shows them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    # Before the URLs: these are completed by them.
    database_password: SecretStr | None = Field(None, description="The password that KTUP_DATABASE_URL leaves out.")
    redis_password: SecretStr | None = Field(None, description="The password that KTUP_REDIS_URL leaves out.")
    database_url: SecretStr = Field(
        SecretStr("sqlite+aiosqlite:///var/ktup.db"), description="SQLite file or PostgreSQL, as an SQLAlchemy URL."
    )
    database_pool_size: int = Field(5, ge=1, le=100, description="Connections that this process may hold.")
    database_timeout_seconds: float = Field(
        2.0, gt=0, le=60, description="Longest wait for a free connection, or for a new one, before a 503."
    )
    database_statement_seconds: float = Field(
        10.0,
        gt=0,
        le=600,
        description="Longest wait of a server for PostgreSQL's answer to a statement, before a 503. Commands wait on.",
    )
    start_wait_seconds: float = Field(
        60.0,
        ge=0,
        le=3_600,
        description="How long `migrate` and `worker` wait for a database that is not there yet. A server starts "
        "without it, and is ready once it is there.",
    )
    redis_url: SecretStr | None = Field(None, description="Redis or Valkey; without it, the cache is in process.")
    cache_ttl_seconds: int = Field(300, ge=1, le=86_400, description="How long a computed answer may be served.")
    cache_timeout_ms: int = Field(200, ge=1, le=1_000, description="Longest wait for one call to Redis.")
    cache_retry_seconds: float = Field(3.0, gt=0, le=60, description="Pause before Redis is asked again.")
    cache_max_bytes: int = Field(64 * 2**20, ge=2**16, description="Memory for the in-process cache.")
    cache_near_seconds: int = Field(
        30, ge=1, le=3_600, description="How long a process keeps an answer that is in Redis too."
    )
    access: Literal["auto", "open", "keys"] = Field(
        "auto",
        description="Who may call. `auto`: whoever has a key, and before the first key was made, only this machine "
        "itself. `keys`: only who has a key. `open`: everyone who reaches the port.",
    )
    cors_origins: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_split)] = Field(
        (), description="Origins whose pages may call from a browser, as https://HOST[:PORT], comma separated."
    )
    allowed_hosts: Annotated[tuple[Host, ...], NoDecode, BeforeValidator(_split)] = Field(
        (),
        description="Names under which the server may be called (the header Host, without the port), comma separated. "
        "Unset: any. Set it where browsers reach a server that asks for no key.",
    )
    rate_limit: str = Field(
        "100/second",
        pattern=RATE_LIMIT.pattern,
        description="Calls that each key may make; a key may have a limit of its own.",
    )
    max_body_bytes: int = Field(
        4 * 2**20, ge=1_024, le=2**30, description="Largest body of a request; a larger one gets 413."
    )
    new_items: int = Field(
        500, ge=0, le=10_000, description="Newest items that came after training and may be listed by their facts."
    )
    releases_dir: Path = Field(Path("var/releases"), description="The folder that holds one directory a release.")
    user_vectors: Literal["auto", "memory"] = Field(
        "auto",
        description="Where the users of a release are. `auto`: as it was made, so looked up in its files, one by one, "
        "if it was made with `--users lookup` or has a million of them. `memory`: loaded, with all files checked.",
    )
    vector_engine: str | None = Field(
        None,
        description="A Milvus server that names the items to rank, as http://HOST:19530, or a path that ends in .db "
        "for its local mode; needs the group `cluster`, and releases that `vectors load` brought there. Unset: the "
        "index in the release names them.",
    )
    vector_engine_token: SecretStr | None = Field(None, description="What that server asks for, as USER:PASSWORD.")
    vector_engine_timeout_ms: int = Field(1_000, ge=10, le=60_000, description="Longest wait for one call to it.")
    vector_engine_retry_seconds: float = Field(3.0, gt=0, le=600, description="Pause before it is asked again.")
    vector_engine_fallback: Literal["index", "none"] = Field(
        "index",
        description="While it is away: the release's own index names items (`index`), or lists are a 503 (`none`).",
    )
    release_poll_seconds: float = Field(
        3.0, gt=0, le=3_600, description="How often a process asks the database which release is active."
    )
    datasets_dir: Path = Field(Path("var/datasets"), description="Where training jobs find data sets, by their names.")
    jobs_dir: Path = Field(Path("var/jobs"), description="Where workers keep what a running job needs.")
    job_poll_seconds: float = Field(2.0, gt=0, le=3_600, description="How often a worker looks for jobs.")
    job_beat_seconds: float = Field(
        2.0, gt=0, le=60, description="How often a worker tells how far its job is, and hears that it is cancelled."
    )
    job_lease_seconds: float = Field(
        60.0, gt=0, le=86_400, description="How long a silent worker keeps its job; at least three beats."
    )
    job_threads: int | None = Field(None, ge=1, le=1_024, description="CPU threads of a job; torch's choice if unset.")
    audit_pairs: int = Field(
        20,
        ge=0,
        le=10_000,
        description="Reasons of a new release that a job tries before it may activate it; 0: none is tried.",
    )
    retrain_events: int = Field(
        0, ge=0, description="New events since the last job on the database before the next is queued; 0: never."
    )
    retrain_seconds: float = Field(
        86_400.0, gt=0, description="Shortest time between the starts of two such jobs, whatever comes in."
    )
    retrain_preset: str = Field("sample", min_length=1, description="The preset of jobs that are queued by themselves.")
    retrain_activate: bool = Field(False, description="Whether these may activate their release.")
    retrain_max_drop: float = Field(0.05, ge=0, le=1, description="The share of a figure that they may lose.")
    served_log_queue: int = Field(
        10_000, ge=0, description="Lists that may wait to be logged before more are dropped; 0: nothing is logged."
    )
    served_log_days: float = Field(30.0, gt=0, description="How long it is remembered what was recommended.")
    served_log_lists: int = Field(1_000_000, ge=1, description="Lists remembered for each tenant at most.")
    scoring_threads: int = Field(2, ge=1, le=64, description="Threads that score at the same time.")
    scoring_queue: int = Field(256, ge=0, description="Requests that may wait for a scoring thread before a 503.")
    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65_535, description="Port to listen on.")
    workers: int = Field(1, ge=1, le=64, description="Server processes; each loads the release.")
    drain_seconds: float = Field(
        0.0,
        ge=0,
        le=600,
        description="After SIGTERM, how long the server still takes requests, while `/health/ready` is a 503: whoever "
        "deals them looks elsewhere meanwhile.",
    )
    shutdown_seconds: int = Field(20, ge=1, le=600, description="Time that requests in flight get to finish.")
    otel_endpoint: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Where a span of each request goes, by OTLP over HTTP (http://HOST:4318/v1/traces); needs the "
        "group `otel`. Unset: nothing is traced.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level logged.")

    @field_validator("vector_engine")
    @classmethod
    def _check_address(cls, address: str | None) -> str | None:
        url = address is not None and re.match(r"https?://[^/]", address)
        path = address is not None and "://" not in address and address.endswith(".db")
        if address is not None and not url and not path:
            raise ValueError("expected http://HOST:PORT, https://HOST:PORT, or a path that ends in .db")
        return address

    @model_validator(mode="after")
    def _check_vector_engine(self) -> "Settings":
        if self.vector_engine is not None and "://" not in self.vector_engine and self.workers > 1:
            raise ValueError("vector_engine: the local mode is for one process; expected workers = 1, or a URL")
        return self

    @model_validator(mode="after")
    def _check_lease(self) -> "Settings":
        if self.job_lease_seconds < 3 * self.job_beat_seconds:
            raise ValueError("job_lease_seconds: expected at least three times job_beat_seconds")
        return self

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        scheme, separator, rest = url.get_secret_value().partition("://")
        if not separator or scheme not in _DRIVERS:
            raise ValueError("expected sqlite+aiosqlite:///FILE or postgresql+asyncpg://USER:PASSWORD@HOST/NAME")
        if scheme.startswith("sqlite") and (not rest.strip("/") or ":memory:" in rest):
            raise ValueError("expected the path of a file: an in-memory SQLite database cannot be shared")
        password = info.data.get("database_password")
        if password is not None:
            if scheme.startswith("sqlite"):
                raise ValueError("SQLite has no password; leave KTUP_DATABASE_PASSWORD out")
            if rest.find("@") < 1:
                raise ValueError("there is a password, but no user: expected postgresql+asyncpg://USER@HOST/NAME")
            rest = _with_password(rest, password)
        return SecretStr(f"{_DRIVERS[scheme]}://{rest}")

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if url is None:
            return None
        scheme, _, rest = url.get_secret_value().partition("://")
        if scheme not in ("redis", "rediss", "unix"):
            raise ValueError("expected redis://HOST:PORT/DB, rediss://… or unix://PATH")
        password = info.data.get("redis_password")
        return url if password is None else SecretStr(f"{scheme}://{_with_password(rest, password)}")


def _with_password(rest: str, password: SecretStr) -> str:
    """Give what follows the scheme of a URL with a password, whatever signs that has.

    >>> _with_password("ktup@db:5432/ktup?ssl=require", SecretStr("p@ss/w"))
    'ktup:p%40ss%2Fw@db:5432/ktup?ssl=require'
    """
    place = re.match(r"[^/?#]*", rest)
    assert place is not None
    user, _, host = place[0].rpartition("@")
    if ":" in user:
        raise ValueError("it has a password of its own, and another one is set: leave one of them out")
    return f"{user}:{quote(password.get_secret_value(), safe='')}@{host}{rest[place.end() :]}"


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: a value cannot be used, a file of a secret cannot be read, or a variable with our prefix is not
            known (a typing mistake).
    """
    secrets, unreadable = read_secrets([f"{PREFIX}{name}".upper() for name in _SECRETS], os.environ)
    problems = _unknown_variables() + unreadable
    given: dict[str, Any] = {name.removeprefix(PREFIX).lower(): SecretStr(value) for name, value in secrets.items()}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        problems += [f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
    if problems:
        raise SettingsError(problems)
    return settings


def _unknown_variables() -> list[str]:
    """Name each KTUP_… variable that no setting reads: it is ignored otherwise, and nobody is told."""
    known = [f"{PREFIX}{name}".upper() for name in Settings.model_fields]
    known += [f"{PREFIX}{name}".upper() + SUFFIX for name in _SECRETS]
    problems = []
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in (*known, *_OF_CALLS):
            close = difflib.get_close_matches(name.upper(), known, n=1)
            problems.append(f"{name}: no such setting" + (f"; did you mean {close[0]}?" if close else ""))
    return problems
