"""Write a directory aside and rename it, so that nobody ever meets half of it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.data.errors import TargetExists


def check_target(path: Path, *, overwrite: bool, marker: str) -> None:
    """Refuse a target that is taken.

    Args:
        path: where a directory is to be written.
        overwrite: whether a directory that holds `marker` may be replaced.
        marker: the file that tells a directory of ours from somebody's home.

    Raises:
        TargetExists: `path` is a file, or a directory that is not empty and may not be replaced.
    """
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise TargetExists(path, "exists and is not a directory")
    if not path.exists() or not any(path.iterdir()):
        return
    if not overwrite:
        raise TargetExists(path, "exists and is not empty; name another place, or replace it with --overwrite")
    if not (path / marker).is_file():
        raise TargetExists(path, f"holds no {marker}, so it is not ours to overwrite")


@contextmanager
def replace_directory(path: Path, *, overwrite: bool, marker: str) -> Iterator[Path]:
    """Give an empty sibling directory to fill; on success it takes the place of `path`, on error it is removed.

    The files are flushed to disk before the rename. While an old directory is replaced there is an instant without
    either at `path` (POSIX cannot exchange two directories); should the rename fail, the old one is put back.
    """
    check_target(path, overwrite=overwrite, marker=marker)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield aside
        _flush(aside)
        aside.chmod(0o755)  # mkdtemp makes it private; a data set is read by other users, too
        _swap(aside, path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _flush(directory: Path) -> None:
    for file in (*directory.iterdir(), directory):
        _fsync(file)


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
    _fsync(path.parent)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
