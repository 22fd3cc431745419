"""What is written survives a loss of power, and where nothing can be written is known before the work."""

import os
import tempfile
from pathlib import Path


def flush(path: Path) -> None:
    """Bring a file, or the names in a folder, onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_text(path: Path, text: str, *, lasting: bool = False) -> None:
    """Write a file in one step: it holds all of it, or what it held before; `lasting`: after a loss of power, too."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        if lasting:
            flush(partial)
        partial.replace(path)
    except OSError as error:  # name the place that was asked for, not the one beside it
        raise OSError(error.errno, f"cannot be written: {error.strerror}", str(path)) from None


def closed_above(path: Path) -> Path | None:
    """Give the folder that keeps `path` from being made, or None.

    It is tried, and taken back: to root every place looks writable, /proc and others that take nothing too.
    """
    above = next(folder for folder in path.absolute().parents if folder.exists())
    try:
        Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=above)).rmdir()
    except OSError:
        return above
    return None


def takes_file(path: Path) -> bool:
    """Whether a file can be written at `path`, in a folder that is there; nothing is changed."""
    if path.exists():
        return not path.is_dir() and os.access(path, os.W_OK)
    return path.parent.is_dir() and closed_above(path) is None
