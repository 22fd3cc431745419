"""The index of a release: read from its files, or made again from the weights where these files are broken.

An index holds nothing that the weights do not: it is the one part of a release that can be made again, in memory, for
the directory is never written to. A broken file is one that differs from the manifest's hash or is missing; and one of
FAISS that the manifest vouches for and this FAISS cannot read. An index that can be read and is another model's says
that the release was put together wrongly, and stays a reason to refuse it.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.checkpoint import CheckpointError, file_problem
from models.retrieval.nominations import IndexShape, UnreadableIndex
from models.retrieval.stored import KINDS, Index, Kind, build_index, load_index

FOLDER = "index"
POINTER = b"version https://git-lfs.github.com/spec/"

_log = logging.getLogger(__name__)


def is_of_index(name: str) -> bool:
    """Whether a file that a release's manifest names belongs to its index."""
    return name.startswith(f"{FOLDER}/")


def read_or_rebuild(directory: Path, manifest: Mapping[str, Any], model: Any, items_hash: str) -> tuple[Index, str]:
    """Give the index of a release, and why it was made again; "" where it was read.

    Raises:
        UnusableIndex: it can be read, and is that of another model.
        CheckpointError: the manifest names a file outside of the release, or an unknown kind of index.
    """
    why = _broken_file(directory, manifest)
    if not why:
        try:
            return load_index(directory / FOLDER, IndexShape.of(model, items_hash)), ""
        except UnreadableIndex as error:
            why = f"{FOLDER}/{error}"
    _log.warning("the index of a release is made again", extra={"release": directory.name, "reason": why})
    return build_index(model, items_hash, _kind(directory, manifest)), why


def _broken_file(directory: Path, manifest: Mapping[str, Any]) -> str:
    for name, expected in manifest["files"].items():
        if is_of_index(name) and (problem := file_problem(directory, name, expected)) is not None:
            return f"{problem}: {_advice(directory / name)}"
    return ""


def _advice(path: Path) -> str:
    """Say what is there in place of the file, and what to do."""
    if not path.is_file():
        return "copy it from where the release was made"
    with path.open("rb") as file:
        start = file.read(len(POINTER))
    if start == POINTER:
        return "a Git LFS pointer is in its place, run `git lfs pull`"
    size = path.stat().st_size
    return f"{size} bytes are there, copy it from where the release was made"


def _kind(directory: Path, manifest: Mapping[str, Any]) -> Kind:
    # Releases of format 1 have flat indexes and do not say so.
    named = manifest["index"].get("kind", "flat")
    kind = next((kind for kind in KINDS if kind == named), None)
    if kind is None:
        raise CheckpointError(directory, f"the manifest names an index of kind {named!r}, expected {', '.join(KINDS)}")
    return kind
