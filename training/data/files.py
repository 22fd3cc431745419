"""Write a directory aside and rename it, so that nobody ever meets half of it."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from models.durable import closed_above, flush
from training.data.errors import TargetExists


def check_target(path: Path, *, overwrite: bool, marker: str, others: Sequence[str] = ()) -> None:
    """Refuse a target that is taken.

    Args:
        path: where a directory is to be written.
        overwrite: whether a directory that holds `marker` may be replaced.
        marker: the file that tells a directory of ours from somebody's home.
        others: patterns of the names of whatever else is in a directory of ours.

    Raises:
        TargetExists: `path` is a file, or a directory that is not empty and may not be replaced or holds what is not
            ours, or nothing can be written where it would lie.
    """
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise TargetExists(path, "exists and is not a directory")
    check_can_be_made(path)
    if not path.exists() or not any(path.iterdir()):
        return
    if not overwrite:
        raise TargetExists(path, "exists and is not empty; name another place, or replace it with --overwrite")
    if not (path / marker).is_file():
        raise TargetExists(path, f"holds no {marker}, so it is not ours to overwrite")
    ours = (marker, *others)
    if foreign := sorted(p.name for p in path.iterdir() if not any(fnmatchcase(p.name, name) for name in ours)):
        raise TargetExists(path, f"holds {foreign[0]}, which is not ours to overwrite; move or remove it first")


def check_can_be_made(path: Path) -> None:
    """Refuse a target that cannot be written, before anything is computed.

    Raises:
        TargetExists: nothing can be written where it would lie.
    """
    if (above := closed_above(path)) is not None:
        raise TargetExists(path, f"cannot be made: {above} is no directory that may be written to")


@contextmanager
def replace_directory(path: Path, *, overwrite: bool, marker: str, others: Sequence[str] = ()) -> Iterator[Path]:
    """Give an empty sibling directory to fill; on success it takes the place of `path`, on error it is removed.

    The files are flushed to disk before the rename. While an old directory is replaced there is an instant without
    either at `path` (POSIX cannot exchange two directories); should the rename fail, the old one is put back.
    """
    check_target(path, overwrite=overwrite, marker=marker, others=others)
    aside = _aside(path)
    try:
        yield aside
        _flush(aside)
        aside.chmod(0o755)  # mkdtemp makes it private; a data set is read by other users, too
        _swap(aside, path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _aside(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:  # name the place that was asked for, not the one beside it
        raise OSError(error.errno, f"cannot be written: {error.strerror}", str(path)) from None


def _flush(directory: Path) -> None:
    for file in (*directory.iterdir(), directory):
        flush(file)


def _swap(aside: Path, path: Path) -> None:
    if not path.exists():
        aside.rename(path)
    else:
        old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent)) / "old"
        path.rename(old)
        try:
            aside.rename(path)
        except OSError:
            old.rename(path)
            raise
        finally:
            shutil.rmtree(old.parent, ignore_errors=True)
    flush(path.parent)
