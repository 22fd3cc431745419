"""A release on disk: one immutable directory with everything that serving needs, checked as a whole when loaded.

    manifest.json        format, id, data set, metrics, versions, and the hash of every file that follows
    model/               a checkpoint (models/checkpoint.py): weights, vocabularies, its own manifest
    serving.safetensors  the weights in the precision that serving scores in, mapped when loaded: all processes share
                         its pages. Absent in older releases, whose weights each process converts for itself
    index/               what nominates items (models/retrieval/stored.py)
    roles.safetensors    which entities were seen in which role (models/retrieval/roles.py)
    calibration.safetensors  how probable a missing fact is (models/retrieval/calibration.py); absent where it was not
                         fitted, and in releases that are older than it
    users.sqlite         the rows of users, where these are looked up rather than loaded (models/release_users.py)

It is written aside and renamed; nothing in it is ever overwritten. A broken index is made again in memory when loaded.

Versions of the format, all of which are read: 1 has one FAISS index for each preference, and may lack
serving.safetensors and the calibration; since 2 the index is stored as one table of items, which readers of 1 do not
know; 3 is 2 with users that are looked up, and is written only where they are. A version is raised where an older
reader would misread the release or fail without a word why; a file that older readers may leave alone is no reason.
"""

import json
import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from models.checkpoint import (
    MANIFEST,
    MODEL,
    RELEASE_VERSIONS,
    USERS,
    WEIGHTS,
    Checkpoint,
    CheckpointError,
    aside,
    check_files,
    file_hash,
    load_checkpoint,
    read_manifest,
)
from models.release_index import FOLDER, is_of_index, read_or_rebuild
from models.release_users import (
    IDS,
    UNREAD,
    UserVectors,
    check_finite,
    describe,
    is_looked_up,
    looks_up,
    mapped_users,
    open_users,
)
from models.retrieval.calibration import Calibration
from models.retrieval.nominations import UnusableIndex
from models.retrieval.roles import Roles
from models.retrieval.search import Searcher
from models.retrieval.stored import Index, save_index
from models.stored_vocabulary import StoredVocabulary
from models.vocabulary import Vocabulary

INDEX, ROLES, CALIBRATION = FOLDER, "roles.safetensors", "calibration.safetensors"
SERVING = "serving.safetensors"
RELEASE_FORMAT, LOOKUP_FORMAT = RELEASE_VERSIONS[-2:]
"""What is written: the second where users are looked up. Servers of before it read the first."""
RELEASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Release:
    """A release ready to answer: the model in float64 on the CPU, its searcher, and the roles of its graph.

    `calibration` is None where the release has none. `rebuilt` says why its index was made again; "" where it was read.
    """

    manifest: Mapping[str, Any]
    checkpoint: Checkpoint
    searcher: Searcher
    roles: Roles
    calibration: Calibration | None
    rebuilt: str = ""


def write_release(
    directory: Path,
    checkpoint: Path,
    index: Index,
    roles: Roles,
    values: Mapping[str, Any],
    calibration: Calibration | None = None,
    users: UserVectors = "memory",
) -> None:
    """Write a release from a checkpoint directory; `values` (JSON) become its manifest, `nominate` among them.

    `users` says how they are kept (models/release_users.py). Their ids are in memory while it is written.

    Raises:
        FileExistsError: the directory is there already.
        ValueError: its name is no release id.
        CheckpointError: a weight of the checkpoint is not finite, or it cannot be read.
    """
    if not RELEASE_ID.fullmatch(directory.name):
        raise ValueError(f"{directory.name!r} is no release id: letters, digits, '.', '_' and '-', at most 100")
    with aside(directory) as temporary:
        shutil.copytree(checkpoint, temporary / MODEL)
        lookup = looks_up(users, read_manifest(temporary / MODEL)["counts"][USERS])
        save_file(_served_weights(temporary / MODEL, but=(USERS,) if lookup else ()), temporary / SERVING)
        if lookup:
            check_finite(directory, mapped_users(temporary / MODEL / WEIGHTS))
            StoredVocabulary.write(temporary / IDS, Vocabulary.load(temporary / MODEL / f"{USERS}.json"))
        save_index(index, temporary / INDEX)
        save_file(roles.tensors(), temporary / ROLES)
        if calibration is not None:
            save_file(calibration.tensors(), temporary / CALIBRATION)
        own = [
            temporary / MODEL / MANIFEST,
            *sorted([*temporary.glob("*.safetensors"), *temporary.glob(IDS)]),
            *sorted((temporary / INDEX).iterdir()),
        ]
        files = {path.relative_to(temporary).as_posix(): file_hash(path) for path in own}
        manifest = {
            "format_version": LOOKUP_FORMAT if lookup else RELEASE_FORMAT,
            "kind": "release",
            "release_id": directory.name,
            **values,
            **(describe(temporary) if lookup else {}),
            "files": files,
        }
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False), encoding="utf-8")


def _served_weights(checkpoint: Path, but: Collection[str] = ()) -> dict[str, torch.Tensor]:
    """Give every weight as serving scores with it; that all are finite is checked here, once for all who load them."""
    try:
        weights = load_file(checkpoint / WEIGHTS)
        for name in but:
            del weights[name]
    except (OSError, SafetensorError) as error:
        raise CheckpointError(checkpoint, f"cannot be read: {error}") from error
    for name, tensor in weights.items():
        if tensor.is_floating_point():
            if not bool(torch.isfinite(tensor).all()):
                raise CheckpointError(checkpoint, f"the weights {name!r} are not all finite")
            weights[name] = tensor.to(torch.float64)
    return weights


def read_release_manifest(directory: Path) -> dict[str, Any]:
    """Read the manifest alone.

    Raises:
        CheckpointError: missing, no manifest of a release, of another version, or of another directory.
    """
    manifest = read_manifest(directory)
    if manifest.get("kind") != "release":
        raise CheckpointError(directory, "this is not a release")
    if manifest.get("release_id") != directory.name:
        raise CheckpointError(directory, f"the manifest is that of release {manifest.get('release_id')!r}")
    return manifest


def load_release(directory: Path, users: UserVectors = "auto") -> Release:
    """Load and check a release as a whole; a broken index is made again, in memory (models/release_index.py).

    Users are looked up where the release was written for it, unless `users` is "memory": then they are loaded, and all
    files are checked. A release that was not cannot look them up.

    Raises:
        CheckpointError: any part is missing, cut, altered, of another version, or does not belong to the others.
    """
    manifest = read_release_manifest(directory)
    files = manifest.get("files", {})
    lookup = is_looked_up(manifest) and users != "memory"
    check_files(directory, manifest, {name for name in files if is_of_index(name) or (lookup and name in UNREAD)})
    missing = {f"{MODEL}/{MANIFEST}", ROLES} - set(files)
    if missing:
        raise CheckpointError(directory, f"the manifest does not vouch for {', '.join(sorted(missing))}")
    served = _served(directory, manifest, lookup)
    looked_up = open_users(directory, manifest) if lookup else None
    checkpoint = load_checkpoint(directory / MODEL, instead=served, users=looked_up)
    model = checkpoint.model.to(torch.float64)
    try:
        index, rebuilt = read_or_rebuild(directory, manifest, model, checkpoint.vocabularies["items"].content_hash)
        roles = Roles.of_tensors(load_file(directory / ROLES))
        searcher = Searcher(model, index, int(manifest["index"]["nominate"]))
        calibration = _calibration(directory, manifest, checkpoint)
    except (UnusableIndex, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(directory, str(error)) from error
    return Release(manifest, checkpoint, searcher, roles, calibration, rebuilt)


def _served(directory: Path, manifest: Mapping[str, Any], lookup: bool) -> dict[str, torch.Tensor] | None:
    """Give the weights in serving's precision, without users where these are looked up; None where none are stored."""
    if SERVING not in manifest["files"]:
        return None
    try:
        served = load_file(directory / SERVING)
        if is_looked_up(manifest) and not lookup:
            served[USERS] = mapped_users(directory / MODEL / WEIGHTS).to(torch.float64)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(directory, f"{SERVING} cannot be read: {error}") from error
    return served


def _calibration(directory: Path, manifest: Mapping[str, Any], checkpoint: Checkpoint) -> Calibration | None:
    if CALIBRATION not in manifest["files"]:
        return None
    n_entities, n_relations = (len(checkpoint.vocabularies[name]) for name in ("entities", "relations"))
    return Calibration.of_tensors(load_file(directory / CALIBRATION), n_entities, n_relations)
