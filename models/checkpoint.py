"""A trained model on disk: manifest.json, weights.safetensors and the four vocabularies; never a pickle.

The manifest names the format, the model, its config and the hashes of every other file, so that weights, vocabularies
and config move together or not at all. Loading checks all of it before anything is used.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Generator, nn

from models.durable import flush
from models.geometry import undrawn
from models.interface import Sizes
from models.registry import build, config_from, config_values
from models.stored_vocabulary import StoredVocabulary
from models.vocabulary import Vocabulary

FORMAT_VERSION = 1
RELEASE_VERSIONS = (1, 2, 3)
"""Versions of releases that are read; which is written when: models/release.py."""
MANIFEST, WEIGHTS = "manifest.json", "weights.safetensors"
MODEL = "model"
"""The folder of a release that its checkpoint stands in."""
VOCABULARIES = ("users", "items", "entities", "relations")
USERS = VOCABULARIES[0]
GROW_WITH_USERS = (WEIGHTS, f"{USERS}.json")
"""Files of a checkpoint that are as large as its users are many."""


class CheckpointError(Exception):
    """A checkpoint is missing, cut, altered or of another version; `reason` says which part and how."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True)
class LookedUpUsers:
    """Users that are asked for by id and by row: their ids, and (n_users, d) vectors of a mapped file.

    Of a checkpoint whose users are looked up, no file that grows with them is read when it is loaded.
    """

    vocabulary: StoredVocabulary
    vectors: torch.Tensor


@dataclass(frozen=True)
class Checkpoint:
    """A model with what its rows mean."""

    model: Any
    model_name: str
    vocabularies: Mapping[str, Vocabulary]
    manifest: Mapping[str, Any]


def file_hash(path: Path) -> str:
    """Give the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_checkpoint(
    directory: Path,
    model_name: str,
    model: nn.Module,
    vocabularies: Mapping[str, Vocabulary],
    extra: Mapping[str, Any],
) -> None:
    """Write a checkpoint into a new directory: aside first, then renamed, so that it is there whole or not at all.

    `extra` (JSON values) is kept in the manifest: dataset, training settings, metrics.

    Raises:
        CheckpointError: a weight is not finite; nothing is written.
        FileExistsError: the directory is there already; nothing is ever overwritten.
    """
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(directory, f"the weights {name!r} are not all finite")
    with aside(directory) as temporary:
        save_file(weights, temporary / WEIGHTS)
        for name in VOCABULARIES:
            vocabularies[name].save(temporary / f"{name}.json")
        files = {path.name: file_hash(path) for path in sorted(temporary.iterdir())}
        manifest = {
            "format_version": FORMAT_VERSION,
            "model": {"name": model_name, "config": config_values(model.config)},
            "counts": {name: len(vocabularies[name]) for name in VOCABULARIES},
            "vocabulary_hashes": {name: vocabularies[name].content_hash for name in VOCABULARIES},
            "files": files,
            **extra,
        }
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False), encoding="utf-8")


def read_manifest(directory: Path) -> dict[str, Any]:
    """Read and check the manifest of a checkpoint, or of a release, alone.

    Raises:
        CheckpointError: missing, no JSON, or of another format version.
    """
    path = directory / MANIFEST
    if not path.is_file():
        raise CheckpointError(directory, f"{MANIFEST} is missing")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version = manifest["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(directory, f"{MANIFEST} is not a checkpoint manifest: {error!r}") from error
    readable = RELEASE_VERSIONS if manifest.get("kind") == "release" else (FORMAT_VERSION,)
    # True is 1 in Python, and no version.
    if type(version) is not int or version not in readable:
        known = " or ".join(map(str, readable))
        raise CheckpointError(directory, f"format version {version!r} is not {known}; another version of us wrote it")
    return dict(manifest)


def read_checkpoint_manifest(directory: Path) -> dict[str, Any]:
    """Read and check the manifest of a checkpoint alone.

    Raises:
        CheckpointError: as `read_manifest` does, or it is that of a release, or of anything else.
    """
    manifest = read_manifest(directory)
    if manifest.get("kind") == "release":
        raise CheckpointError(directory, f"this is a release; its checkpoint is the folder {MODEL!r} in it")
    if "model" not in manifest:
        raise CheckpointError(directory, f"{MANIFEST} is that of something else than a checkpoint")
    return manifest


def check_files(directory: Path, manifest: Mapping[str, Any], but: Collection[str] = ()) -> None:
    """Compare every file that the manifest lists, `but` some, with its hash.

    Raises:
        CheckpointError: one is missing, cut or altered.
    """
    for name, expected in manifest.get("files", {}).items():
        if name not in but and (problem := file_problem(directory, name, expected)) is not None:
            raise CheckpointError(directory, problem)


def file_problem(directory: Path, name: str, expected: str) -> str | None:
    """Say what is wrong with a file that a manifest vouches for; None where its hash is the expected one.

    Raises:
        CheckpointError: it lies outside of the directory.
    """
    path = directory / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise CheckpointError(directory, f"the manifest names a file outside of it: {name!r}")
    if not path.is_file():
        return f"{name} is missing"
    if file_hash(path) != expected:
        return f"{name} is cut or was altered: its hash differs from the manifest"
    return None


def load_checkpoint(
    directory: Path,
    device: torch.device | str = "cpu",
    instead: Mapping[str, torch.Tensor] | None = None,
    users: LookedUpUsers | None = None,
) -> Checkpoint:
    """Load a checkpoint as a whole onto a device, whichever device it was trained on.

    `instead` are its weights in another precision: taken as they are, without a copy. With `users` they are without
    those of users, which are looked up, and of which nothing is read now; they stay on the CPU.

    Raises:
        CheckpointError: anything in it is missing, altered, not finite, or does not belong together.
    """
    manifest = read_checkpoint_manifest(directory)
    check_files(directory, manifest, () if users is None else GROW_WITH_USERS)
    try:
        vocabularies = {
            name: Vocabulary.load(directory / f"{name}.json") for name in VOCABULARIES if users is None or name != USERS
        }
        if users is not None:
            vocabularies[USERS] = users.vocabulary
        named = manifest["model"]
        config = config_from(named["name"], named["config"])
        weights = load_file(directory / WEIGHTS) if instead is None else dict(instead)
        hashes = manifest["vocabulary_hashes"]
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CheckpointError(directory, f"cannot be read: {error}") from error
    for name, vocabulary in vocabularies.items():
        if vocabulary.content_hash != hashes.get(name):
            raise CheckpointError(directory, f"the vocabulary of {name} is not the one the weights were trained with")
    n_users, n_items, n_entities, n_relations = (len(vocabularies[name]) for name in VOCABULARIES)
    alignment = weights.get("alignment", torch.full((n_items,), -1))
    if users is not None:
        _check_looked_up(directory, users, n_users, config.embedding_size)
        weights[USERS] = users.vectors.new_empty(0, config.embedding_size)
    sizes = Sizes(n_users if users is None else 0, n_items, n_entities, n_relations, alignment)
    with undrawn():
        model = build(named["name"], config, sizes, Generator())
    _check_weights(directory, model, weights, sizes)
    model.load_state_dict(weights, assign=instead is not None)
    loaded: Any = model.to(device).eval()
    if users is not None:
        # An attribute, no parameter: no conversion of the model may make a copy of it.
        del loaded.users
        loaded.users, loaded.n_users = users.vectors, n_users
    return Checkpoint(loaded, named["name"], vocabularies, manifest)


def _check_looked_up(directory: Path, users: LookedUpUsers, n_users: int, embedding_size: int) -> None:
    found, expected = tuple(users.vectors.shape), (n_users, embedding_size)
    if found != expected:
        raise CheckpointError(directory, f"the weights {USERS!r} have shape {found}, not {expected}")


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether every number is finite.

    A sum is, unless a term is not, or it overflows: only then is each looked at, in a second table beside a mapped one.
    """
    if not tensor.is_floating_point() or bool(torch.isfinite(tensor.sum(dtype=torch.float64))):
        return True
    return bool(torch.isfinite(tensor).all())


def _check_weights(directory: Path, model: nn.Module, weights: Mapping[str, torch.Tensor], sizes: Sizes) -> None:
    for name, tensor in model.state_dict().items():
        if name not in weights:
            raise CheckpointError(directory, f"the weights {name!r} are missing")
        if weights[name].shape != tensor.shape:
            found, expected = tuple(weights[name].shape), tuple(tensor.shape)
            raise CheckpointError(directory, f"the weights {name!r} have shape {found}, not {expected}")
        if not is_finite(weights[name]):
            raise CheckpointError(directory, f"the weights {name!r} are not all finite")
    if sizes.alignment.numel() and not -1 <= int(sizes.alignment.min()) <= int(sizes.alignment.max()) < max(
        1, sizes.n_entities
    ):
        raise CheckpointError(directory, "the alignment names an entity that is not there")


class aside:  # noqa: N801 - used as a context manager, like contextlib's own
    """Make a directory beside its final place; renamed there on success, removed on failure."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.temporary = directory.with_name(f".{directory.name}.{os.getpid()}.partial")

    def __enter__(self) -> Path:
        if self.directory.exists():
            raise FileExistsError(f"{self.directory} exists; a written checkpoint or release is never overwritten")
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir(parents=True)
        return self.temporary

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            shutil.rmtree(self.temporary, ignore_errors=True)
            return
        for path in [*self.temporary.rglob("*"), self.temporary]:
            # safetensors makes its files for their owner alone; the service may run as another user.
            path.chmod(0o755 if path.is_dir() else 0o644)
            flush(path)
        self.temporary.rename(self.directory)
        flush(self.directory.parent)
