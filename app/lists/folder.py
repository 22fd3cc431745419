"""A folder of lists on disk: a manifest that says what they answer, and one directory a chunk of users.

    manifest.json              release, question, and where each chunk ends; never changed
    chunk=00000/lists.parquet  user_id, rank, item_id, score, strategy, relation, share, status, release
    chunk=00000/answers.parquet  the whole answers with the versions they rest on, for the cache; if asked for

A chunk is written aside and renamed, so it is there whole or not at all: a run that was killed goes on with those that
are missing. One run at a time works on a folder.
"""

import errno
import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import polars as pl

from models.durable import flush

FORMAT_VERSION = 1
MANIFEST, LISTS, ANSWERS, LOCK = "manifest.json", "lists.parquet", "answers.parquet", ".lock"
LIST_COLUMNS: dict[str, Any] = {
    "user_id": pl.String,
    "rank": pl.Int32,
    "item_id": pl.String,
    "score": pl.Float64,
    "strategy": pl.String,
    "relation": pl.String,
    "share": pl.Float64,
    "status": pl.String,
    "release": pl.String,
}
"""`relation`, `share` and `status` are those of the reason, null where none was asked for or can be given."""
ANSWER_COLUMNS: dict[str, Any] = {
    "user_id": pl.String,
    "history_version": pl.Int64,
    "stamps": pl.Int64,
    "preference_version": pl.Int64,
    "made_at": pl.Float64,
    "body": pl.Binary,
}
"""`made_at` in seconds since 1970, UTC; the versions are those that were read before anything else was."""


class ListsError(Exception):
    """A folder of lists cannot be used as asked; the message says why, and what would do."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for everybody: as in `GET /users/{user_id}/recommendations`, so that answers are those of it."""

    limit: int = 10
    explain: Literal["none", "summary"] = "summary"
    lang: Literal["de", "en"] | None = None
    fallback: Literal["none", "popular"] = "none"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder holds. `bounds` are the last ids of all chunks but the last one, which is open."""

    release: str
    release_created_at: str
    question: Question
    answers: bool
    chunk_users: int
    tenant: int
    bounds: tuple[str, ...]

    @property
    def n_chunks(self) -> int:
        """How many chunks there are."""
        return len(self.bounds) + 1

    def span(self, chunk: int) -> tuple[str | None, str | None]:
        """Give the id after which a chunk begins, and its last; None where it is open."""
        edges: list[str | None] = [None, *self.bounds, None]
        return edges[chunk], edges[chunk + 1]

    def write(self, path: Path) -> None:
        """Write it aside, and rename it."""
        aside = path.with_name(f".{path.name}.partial")
        text = json.dumps({"format_version": FORMAT_VERSION, "kind": "lists", **asdict(self)}, indent=1)
        aside.write_text(text, encoding="utf-8")
        flush(aside)
        aside.rename(path)
        flush(path.parent)

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read it.

        Raises:
            ListsError: there is none, or it is of something else.
        """
        try:
            values = json.loads(path.read_text("utf-8"))
            version, kind = values.pop("format_version"), values.pop("kind")
            if (version, kind) != (FORMAT_VERSION, "lists"):
                raise ListsError(f"{path}: expected lists of version {FORMAT_VERSION}, found {kind!r} of {version!r}")
            values |= {"question": Question(**values["question"]), "bounds": tuple(values["bounds"])}
            return cls(**values)
        except FileNotFoundError:
            raise ListsError(f"{path} is missing: expected a folder that `score-users` made") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ListsError(f"{path} is no manifest of lists: {error}") from error

    def differences(self, other: "Manifest") -> list[str]:
        """Say in what another run would differ; where the chunks end is settled by the first run alone."""
        names = [f.name for f in fields(self) if f.name not in ("bounds", "question")]
        mine, theirs = ({**asdict(m.question), **{n: getattr(m, n) for n in names}} for m in (self, other))
        return [
            f"{name}: {mine[name]!r} there, {theirs[name]!r} asked for" for name in mine if mine[name] != theirs[name]
        ]


@dataclass(frozen=True, slots=True)
class ListsFolder:
    """The files of one run."""

    path: Path

    def manifest(self) -> Manifest:
        """Read what the folder holds; ListsError where it is none of lists."""
        return Manifest.read(self.path / MANIFEST)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; ListsError where another run does. The lock ends with its process, however that ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / LOCK).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ListsError(f"{self.path}: another run works on this folder") from None
            yield

    def begin(self, wanted: Manifest) -> Manifest:
        """Take up a run, or begin one; call it while the folder is locked.

        Raises:
            ListsError: the folder holds lists of another release or another question, or anything else.
        """
        if (self.path / MANIFEST).exists():
            found = self.manifest()
            if differences := found.differences(wanted):
                raise ListsError(f"{self.path} holds other lists ({'; '.join(differences)}): choose another folder")
            for aside in self.path.glob(".chunk=*"):
                shutil.rmtree(aside)
            return found
        if others := sorted(p.name for p in self.path.iterdir() if p.name not in (LOCK, f".{MANIFEST}.partial")):
            raise ListsError(f"{self.path} is not empty ({others[0]} is there) and has no {MANIFEST}")
        wanted.write(self.path / MANIFEST)
        return wanted

    def chunk(self, number: int) -> Path:
        """Name the directory of a chunk."""
        return self.path / f"chunk={number:05d}"

    def missing(self, manifest: Manifest) -> list[int]:
        """Give the chunks that are still to be made."""
        return [number for number in range(manifest.n_chunks) if not self.chunk(number).is_dir()]

    def write(self, number: int, lists: Sequence[tuple[Any, ...]], answers: Sequence[tuple[Any, ...]] | None) -> None:
        """Write a chunk: aside, then by one rename. A chunk that is there meanwhile stays."""
        aside = Path(tempfile.mkdtemp(prefix=f".{self.chunk(number).name}.", dir=self.path))
        try:
            _write(aside / LISTS, lists, LIST_COLUMNS)
            if answers is not None:
                _write(aside / ANSWERS, answers, ANSWER_COLUMNS)
            aside.chmod(0o755)
            flush(aside)
            try:
                aside.rename(self.chunk(number))
            except OSError as error:
                # Made meanwhile: by a worker that outlived its run, or by a second try of the engine.
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            flush(self.path)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def answers(self, number: int) -> pl.DataFrame:
        """Read the answers of a chunk; ListsError where a file cannot be read."""
        path = self.chunk(number) / ANSWERS
        try:
            return pl.read_parquet(path, columns=list(ANSWER_COLUMNS))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise ListsError(f"{path} cannot be read: {error}") from error


def _write(path: Path, rows: Sequence[tuple[Any, ...]], columns: dict[str, Any]) -> None:
    pl.DataFrame(rows, schema=columns, orient="row").write_parquet(path, compression="zstd")
    flush(path)
