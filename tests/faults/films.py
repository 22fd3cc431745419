"""A small world on disk: a database with forty people and thirty films, and releases with weights by seed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.db.bulk import Rows
from models.checkpoint import load_checkpoint, write_checkpoint
from models.interface import Sizes
from models.registry import build, config_from
from models.release import write_release
from models.retrieval.roles import Roles
from models.retrieval.stored import Kind, build_index, kind_of
from models.vocabulary import Vocabulary

PEOPLE = [f"u{n}" for n in range(40)]
FILMS = [f"i{n}" for n in range(30)]
ENTITIES = [*(f"f{n}" for n in range(30)), "ann", "bo", "cy"]
RELATIONS = ["director", "genre"]
FACTS = [(f"f{n}", RELATIONS[n % 2], ("ann", "bo", "cy")[n % 3]) for n in range(30)]
HISTORY = [(person, f"i{n % 5}", n) for n, person in enumerate(PEOPLE)]
DATASET = {"name": "films", "content_hash": "0" * 64, "created_at": "2026-01-01T00:00:00+00:00"}


def tables() -> dict[str, Rows]:
    """The world as the rows of a data set."""
    return {
        "users": [{"user_id": person} for person in PEOPLE],
        "entities": [{"entity_id": entity, "label": None} for entity in ENTITIES],
        "relations": [{"relation_id": relation, "label": relation} for relation in RELATIONS],
        "items": [{"item_id": film, "title": f"Film {film}"} for film in FILMS],
        "links": [{"item_id": f"i{n}", "entity_id": f"f{n}"} for n in range(30)],
        "triples": [{"head": h, "relation": r, "tail": t} for h, r, t in FACTS],
        "interactions": [{"user_id": u, "item_id": i, "value": None, "timestamp": t} for u, i, t in HISTORY],
    }


def write_releases(
    folder: Path,
    names: Sequence[str],
    size: int = 8,
    people: int = 0,
    system: str = "ktup-soft",
    kind: Kind | None = None,
    **manifest: Any,
) -> None:
    """Write a release for each name, its weights drawn by its place in the list; `people` more than the world has."""
    vocabularies = {
        "users": Vocabulary([*PEOPLE, *(f"more{n}" for n in range(people))]),
        "items": Vocabulary(FILMS),
        "entities": Vocabulary(ENTITIES),
        "relations": Vocabulary(RELATIONS),
    }
    rows = {name: {id_: row for row, id_ in enumerate(those)} for name, those in (("e", ENTITIES), ("r", RELATIONS))}
    triples = np.array([[rows["e"][h], rows["r"][r], rows["e"][t]] for h, r, t in FACTS])
    sizes = Sizes(len(PEOPLE) + people, len(FILMS), len(ENTITIES), len(RELATIONS), torch.arange(len(FILMS)))
    config = config_from(system, {"embedding_size": size})
    for seed, name in enumerate(names):
        model = build(system, config, sizes, torch.Generator().manual_seed(seed))
        checkpoint = folder.parent / f"checkpoint-{name}"
        write_checkpoint(checkpoint, system, model, vocabularies, {"dataset": DATASET})
        loaded = load_checkpoint(checkpoint)
        index = build_index(loaded.model.to(torch.float64), vocabularies["items"].content_hash, kind)
        values = {
            "created_at": f"2026-01-01T00:00:{seed % 60:02d}+00:00",
            "metrics": {"recommendation": {"f1": 0.2}, "completion": {"hits": 0.3}},
            "index": {"nominate": len(FILMS), "recall": 1.0, "kind": kind_of(index)},
            "model": loaded.manifest["model"],
            "dataset": DATASET,
            "counts": loaded.manifest["counts"],
            "training": {"seed": seed},
        }
        write_release(folder / name, checkpoint, index, Roles.of_triples(triples, len(RELATIONS)), values | manifest)
