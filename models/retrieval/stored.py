"""Which index a model gets, and the folder of an index in a release.

    index.json            format_version, kind, and the shape that the model must have too
    items.safetensors     kinds "scan" and "cells": the item table, mapped into memory when loaded
    cells.safetensors     kind "cells": centres, order and starts
    codes.faiss, sample.safetensors   kind "ivfpq": the vectors themselves are those of the model
    preference-*.faiss    kind "flat": one for each preference

Format 1 is `index.json` with the shape alone, beside flat indexes. Why which kind:
docs/decisions/0011-search-at-scale.md.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.retrieval.cells import ItemCells, Progress
from models.retrieval.exhaustive import ItemScan
from models.retrieval.index import PreferenceIndex
from models.retrieval.items import ItemTable
from models.retrieval.ivfpq import ItemCodes
from models.retrieval.nominations import IndexShape, Nominator, UnusableIndex

Kind = Literal["scan", "cells", "flat", "ivfpq"]
KINDS: tuple[Kind, ...] = ("scan", "cells", "flat", "ivfpq")
Index = ItemScan | ItemCells | PreferenceIndex | ItemCodes

FORMAT_VERSION = 2
DESCRIPTION, ITEMS, CELLS = "index.json", "items.safetensors", "cells.safetensors"
SCANNED = 15_000
"""Items up to which all are measured under soft induction: some 10 ms of a busy core."""


def choose_kind(n_items: int, strategy: str) -> Kind:
    """Choose by size: scan what is small, or induced hard, which stays exact; sort the rest into cells."""
    return "scan" if n_items <= SCANNED or strategy == "hard" else "cells"


def build_index(
    model: Any, items_hash: str, kind: Kind | None = None, progress: Progress = lambda done, of: None
) -> Index:
    """Index the items of a preference model; `kind` None is chosen by size. `progress` is told of cells and codes."""
    kind = kind or choose_kind(model.n_items, model.config.strategy)
    if kind == "cells":
        return ItemCells.build(model, items_hash, progress)
    if kind == "ivfpq":
        return ItemCodes.build(model, items_hash, progress)
    return ItemScan.build(model, items_hash) if kind == "scan" else PreferenceIndex.build(model, items_hash)


def kind_of(index: Nominator) -> Kind:
    """Name the kind of an index."""
    if isinstance(index, ItemCells):
        return "cells"
    if isinstance(index, ItemCodes):
        return "ivfpq"
    return "scan" if isinstance(index, ItemScan) else "flat"


def save_index(index: Index, directory: Path) -> None:
    """Write an index into a new directory."""
    directory.mkdir(parents=True)
    if isinstance(index, PreferenceIndex | ItemCodes):
        index.save(directory)
    else:
        save_file(index.table.tensors(), directory / ITEMS)
    if isinstance(index, ItemCells):
        centres = {f"centres.{name}": tensor for name, tensor in index.centres.tensors().items()}
        save_file({**centres, "order": index.order, "starts": index.starts}, directory / CELLS)
    description = {"format_version": FORMAT_VERSION, "kind": kind_of(index), "shape": vars(index.shape)}
    (directory / DESCRIPTION).write_text(json.dumps(description, indent=2), encoding="utf-8")


def load_index(directory: Path, expected: IndexShape) -> Index:
    """Read an index and check that it belongs to the model described by `expected`.

    Raises:
        UnusableIndex: a file is missing, cut, of a later format, or does not fit.
    """
    kind, shape = _described(directory)
    for name, value in vars(expected).items():
        if getattr(shape, name) != value:
            raise UnusableIndex(f"the index has {name} {getattr(shape, name)!r}, the model {value!r}: build it again")
    if kind == "flat":
        return PreferenceIndex.load(directory, shape)
    if kind == "ivfpq":
        return ItemCodes.load(directory, shape)
    table = _table(directory / ITEMS, _read(directory / ITEMS), shape, shape.n_items)
    return ItemScan(table, shape) if kind == "scan" else _cells(directory / CELLS, table, shape)


def _described(directory: Path) -> tuple[Kind, IndexShape]:
    try:
        values = json.loads((directory / DESCRIPTION).read_text(encoding="utf-8"))
        version = values.get("format_version", 1)
        if version == 1:
            return "flat", IndexShape(**values)
        if version != FORMAT_VERSION or values["kind"] not in KINDS:
            raise ValueError(f"format {version!r}, kind {values.get('kind')!r} is not known to this version")
        return values["kind"], IndexShape(**values["shape"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnusableIndex(f"{directory.name}/{DESCRIPTION} cannot be read: {error!r}") from error


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UnusableIndex(f"{path.name} cannot be read ({error}): build it again") from error


def _table(path: Path, tensors: Mapping[str, Tensor], shape: IndexShape, n: int, prefix: str = "") -> ItemTable:
    d, p = shape.embedding_size, shape.n_preferences
    wanted = {"vectors": (n, d), "logits": (n, p), "normals": (n, p), "squares": (n,)}
    parts = {name: tensors.get(prefix + name) for name in wanted}
    found = {name: None if part is None else tuple(part.shape) for name, part in parts.items()}
    if found != wanted:
        raise UnusableIndex(f"{path.name} holds {found}, expected {wanted}: build it again")
    return ItemTable.of_tensors({name: part for name, part in parts.items() if part is not None})


def _cells(path: Path, table: ItemTable, shape: IndexShape) -> ItemCells:
    tensors = _read(path)
    order, starts = tensors.get("order"), tensors.get("starts")
    if order is None or starts is None or len(starts) < 2:
        raise UnusableIndex(f"{path.name} lacks order or starts: build it again")
    rising = int(starts[0]) == 0 and int(starts[-1]) == len(table) and bool((starts.diff() >= 0).all())
    if not rising or not _is_permutation(order, len(table)):
        raise UnusableIndex(f"{path.name} does not put every item into one cell: build it again")
    return ItemCells(table, _table(path, tensors, shape, len(starts) - 1, "centres."), order, starts, shape)


def _is_permutation(order: Tensor, n: int) -> bool:
    inside = len(order) == n and bool(((order >= 0) & (order < n)).all())
    return inside and bool((torch.bincount(order.to(torch.int64), minlength=n) == 1).all())
