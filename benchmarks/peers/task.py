"""The one task that every side is given, as files that each of them can read.

Ids are row numbers, so no spelling of an id can trip a parser. RecBole needs each item to be an entity of its own that
some triple names: an item without one, or that shares one, gets an entity of its own with one fact about itself.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.indexed import IndexedDataset
from training.data.schema import SPLITS

NAME = "task"
OUR_SHARE = 8
"""Test triples that our side ranks for each that the peer ranks: it would be done too soon to be timed."""


@dataclass(frozen=True)
class Settings:
    """What is equal on all sides. `batches` are timed after a warm-up; `triples` are ranked, and stand for all."""

    embedding_size: int = 100
    batch_size: int = 2048
    batches: int = 100
    triples: int = 256
    threads: int = 1


def write_task(folder: Path, dataset: IndexedDataset, settings: Settings) -> None:
    """Write RecBole's atomic files, PyKEEN's arrays and the settings into `folder`."""
    atomic = folder / NAME
    atomic.mkdir()
    for split in SPLITS:
        _write_tsv(atomic / f"{NAME}.{split}.inter", "user_id:token\titem_id:token", dataset.interactions[split])
    entities, added = own_entities(dataset)
    facts = np.concatenate([dataset.triples["train"], added])
    _write_tsv(atomic / f"{NAME}.kg", "head_id:token\trelation_id:token\ttail_id:token", facts)
    links = np.stack([np.arange(len(entities)), entities], axis=1)
    _write_tsv(atomic / f"{NAME}.link", "item_id:token\tentity_id:token", links)
    for split in SPLITS:
        np.save(folder / f"triples-{split}.npy", dataset.triples[split])
    sizes: Mapping[str, int] = {"entities": len(dataset.entities), "relations": len(dataset.relations)}
    (folder / "task.json").write_text(json.dumps({**asdict(settings), **sizes}), encoding="utf-8")


def own_entities(dataset: IndexedDataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give each item an entity that no other item has and that a fact names.

    Returns:
        (n_items,) entity rows, beyond the vocabulary where made up, and the (k, 3) facts that are added for them.
    """
    named = np.unique(dataset.triples["train"][:, [0, 2]])
    entities, taken, made_up = dataset.alignment.copy(), set[int](), len(dataset.entities)
    for item, entity in enumerate(dataset.alignment):
        if entity < 0 or int(entity) in taken:
            entities[item], made_up = made_up, made_up + 1
        taken.add(int(entities[item]))
    lonely = entities[~np.isin(entities, named)]
    return entities, np.stack([lonely, np.zeros_like(lonely), lonely], axis=1)


def _write_tsv(path: Path, header: str, rows: NDArray[np.int64]) -> None:
    np.savetxt(path, rows, fmt="%d", delimiter="\t", header=header, comments="")
