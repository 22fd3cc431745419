"""`python make_release.py FOLDER`, within a checkout of commit 595c6e9: a release as the first version wrote them.

No weights in serving's precision, no table of items, one FAISS index for each preference: format version 1. What is
committed beside this file as `release-1` was made so, and is never made again:

    git worktree add /tmp/former 595c6e9
    cd /tmp/former && PYTHONPATH=. python …/tests/models/former/make_release.py …/tests/models/former
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from models.checkpoint import load_checkpoint, write_checkpoint
from models.interface import Sizes
from models.registry import build, config_from
from models.release import write_release
from models.retrieval.index import PreferenceIndex
from models.retrieval.roles import Roles
from models.vocabulary import Vocabulary

NAMES = {"users": ["u1", "u2"], "items": ["i1", "i2", "i3"], "entities": ["e1", "e2"], "relations": ["r1", "r2"]}
TRIPLES = np.array([[0, 0, 1], [0, 1, 0], [1, 1, 0]])


def main(folder: Path) -> None:
    vocabularies = {name: Vocabulary(ids) for name, ids in NAMES.items()}
    sizes = Sizes(2, 3, 2, 2, torch.tensor([0, -1, 1]))
    model = build("ktup", config_from("ktup", {"embedding_size": 4}), sizes, torch.Generator().manual_seed(0))
    dataset = {"name": "former", "content_hash": "0" * 64}
    with TemporaryDirectory() as aside:
        checkpoint = Path(aside) / "checkpoint"
        write_checkpoint(checkpoint, "ktup", model, vocabularies, {"dataset": dataset})
        loaded = load_checkpoint(checkpoint)
        index = PreferenceIndex.build(loaded.model.to(torch.float64), vocabularies["items"].content_hash)
        values = {
            "created_at": "2026-01-01T00:00:00+00:00",
            "model": loaded.manifest["model"],
            "dataset": dataset,
            "counts": loaded.manifest["counts"],
            "metrics": {"recommendation": {"f1": 0.25}},
            "index": {"nominate": 3, "recall": 1.0},
        }
        write_release(folder / "release-1", checkpoint, index, Roles.of_triples(TRIPLES, 2), values)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
