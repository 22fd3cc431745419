"""The users of a release: loaded with it, or looked up in its files, one by one, when they are asked for.

A release whose users are looked up (format 3) keeps their vectors in one place only, the checkpoint's float32 table,
which is mapped and read by row; `serving.safetensors` is without them, and `users.sqlite` finds the row of an id. What
the service holds in memory, and what it reads when it starts, is then the same for a thousand users and for a hundred
million. A float32 number becomes the float64 one that it would have been loaded as, so answers are the same.

**What is checked when.** Writing a release looks at every number and hashes every file. Loading it hashes all files but
those that grow with the users, of which it checks the size and the shape, and what index and weights say of each
other; `check_release` reads everything again, and is for after a copy.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open

from models.checkpoint import (
    GROW_WITH_USERS,
    MODEL,
    USERS,
    WEIGHTS,
    CheckpointError,
    LookedUpUsers,
    file_problem,
    is_finite,
    read_manifest,
)
from models.stored_vocabulary import StoredVocabulary, UnreadableVocabulary

UserVectors = Literal["auto", "memory", "lookup"]
"""How users are kept: `auto` is by their number when a release is written, and as it was written when it is loaded."""
LOOKUP = "lookup"
IDS = "users.sqlite"
UNREAD = (IDS, *(f"{MODEL}/{name}" for name in GROW_WITH_USERS))
"""Files that are not read as a whole when a release with looked-up users is loaded."""
MANY = 1_000_000
"""Users from which `auto` writes a release that looks them up."""
_PIECE = 2**16


def looks_up(users: UserVectors, n_users: int) -> bool:
    """Tell whether a release of that many users is written to look them up."""
    return users == LOOKUP or (users == "auto" and n_users >= MANY)


def is_looked_up(manifest: Mapping[str, Any]) -> bool:
    """Tell whether a release was written to look its users up."""
    return bool(manifest.get(USERS) == LOOKUP)


def unread_bytes(manifest: Mapping[str, Any]) -> int:
    """Give the size of the files that loading such a release does not read as a whole."""
    return sum(manifest.get("sizes", {}).values())


def open_users(directory: Path, manifest: Mapping[str, Any]) -> LookedUpUsers:
    """Open the users of a release for look-ups.

    Raises:
        CheckpointError: a file is missing or cut, is of other users, or cannot be read.
    """
    for name in UNREAD:
        _check_size(directory, name, manifest.get("sizes", {}).get(name))
    try:
        ids = StoredVocabulary(directory / IDS)
        vectors = mapped_users(directory / MODEL / WEIGHTS)
    except (UnreadableVocabulary, SafetensorError, OSError) as error:
        raise CheckpointError(directory, f"cannot be read: {error}") from error
    if len(ids) != len(vectors):
        raise CheckpointError(directory, f"{IDS} has {len(ids):,} users, but there are {len(vectors):,} vectors")
    return LookedUpUsers(ids, vectors)


def mapped_users(weights: Path) -> torch.Tensor:
    """Map the (n_users, d) table of a file of weights: a row is read when it is asked for."""
    with safe_open(weights, framework="pt") as file:
        table: torch.Tensor = file.get_tensor(USERS)
    return table


def _check_size(directory: Path, name: str, expected: object) -> None:
    path = directory / name
    if not path.is_file():
        raise CheckpointError(directory, f"{name} is missing")
    if path.stat().st_size != expected:
        raise CheckpointError(directory, f"{name} is cut or was altered: {path.stat().st_size} bytes, not {expected}")


def check_release(directory: Path, progress: Callable[[int, int], None] = lambda done, of: None) -> None:
    """Read every file that the manifests of a release vouch for, and every number of users that are looked up.

    `progress` is told bytes: those that were read, and all.

    Raises:
        CheckpointError: a file is missing, cut or altered, or a vector is not finite.
    """
    whole = {directory: read_manifest(directory), directory / MODEL: read_manifest(directory / MODEL)}
    files = [(folder, name, expected) for folder, manifest in whole.items() for name, expected in _vouched(manifest)]
    sizes = [(folder / name).stat().st_size if (folder / name).is_file() else 0 for folder, name, _ in files]
    done = 0
    for (folder, name, expected), size in zip(files, sizes, strict=True):
        if (problem := file_problem(folder, name, expected)) is not None:
            raise CheckpointError(folder, problem)
        progress(done := done + size, sum(sizes))
    if is_looked_up(whole[directory]):
        check_finite(directory, mapped_users(directory / MODEL / WEIGHTS))


def _vouched(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    return list(manifest.get("files", {}).items())


def check_finite(directory: Path, vectors: torch.Tensor) -> None:
    """Look at every number of a table, some MiB at a time.

    Raises:
        CheckpointError: one is not finite; the message names the row.
    """
    for start in range(0, len(vectors), _PIECE):
        piece = vectors[start : start + _PIECE]
        if not is_finite(piece):
            row = start + int((~torch.isfinite(piece).all(1)).nonzero()[0])
            raise CheckpointError(directory, f"the weights {USERS!r} are not all finite: row {row}")


def describe(temporary: Path) -> dict[str, Any]:
    """Give what the manifest of such a release says of its users."""
    return {USERS: LOOKUP, "sizes": {name: (temporary / name).stat().st_size for name in UNREAD}}
