"""The audit of a release: sampled by seed, tried, summed up, written in one step."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.checkpoint import aside
from models.release import load_release
from models.release_audit import AUDIT, SUMMARY
from training.audit.pages import draw, page
from training.audit.pairs import TOP_N, Examined, Examiner
from training.audit.people import first_relations, planted_truth
from training.audit.summary import Figures, spread, summarise
from training.data.files import check_can_be_made
from training.data.indexed import IndexedDataset
from training.refit import rows_learnt
from training.release import ReleaseError

PAGE = "audit.md"
Step = Callable[[int, int, int], None]
"""Told of progress: seed, pairs done, pairs of this seed."""


def audit(
    release: Path,
    dataset: IndexedDataset,
    pairs: int = 200,
    seeds: Sequence[int] = (0, 1, 2),
    planted: Mapping[str, str] | None = None,
    step: Step = lambda _seed, _done, _of: None,
) -> Figures:
    """Try the reasons of `pairs` pairs for each seed, and give the figures: by seed, and of all pairs together.

    Raises:
        ReleaseError: the release was made of another data set, or its model has no preferences, or nobody met two
            items.
        CheckpointError: the release is not sound.
    """
    loaded = load_release(release)
    made_of = loaded.manifest["dataset"]["content_hash"]
    if made_of != dataset.content_hash:
        raise ReleaseError(
            f"{release.name} was made of data {made_of[:12]}…, but {dataset.name} is {dataset.content_hash[:12]}…"
        )
    dataset = rows_learnt(dataset, loaded.manifest)  # where it serves, a history is what it learnt from
    examiner = Examiner(loaded, dataset)
    by_seed = {seed: _examined(examiner, pairs, seed, step) for seed in seeds}
    together = [one for examined in by_seed.values() for one in examined]
    if not together:
        raise ReleaseError(f"{dataset.name}: nobody met two items; there is no pair to audit")
    first = first_relations(examiner, np.random.default_rng(seeds[0]))
    return {
        "release": release.name,
        "dataset": dataset.name,
        "model": loaded.manifest["model"]["name"],
        "mode": loaded.checkpoint.model.config.strategy,
        "top_n": TOP_N,
        "seeds": list(seeds),
        "all": summarise(together, dataset),
        "by_seed": {str(seed): summarise(examined, dataset) for seed, examined in by_seed.items()},
        "first_relations": spread(first, len(examiner.catalogue.space.preferences), dataset),
        "planted": None if planted is None else planted_truth(examiner, planted),
    }


def _examined(examiner: Examiner, pairs: int, seed: int, step: Step) -> list[Examined]:
    generator = np.random.default_rng(seed)
    sample, found = examiner.sample(pairs, generator), []
    for done, (user, item) in enumerate(sample):
        step(seed, done, len(sample))
        found.append(examiner.examine(user, item, generator))
    step(seed, len(sample), len(sample))
    return found


def write_audit(figures: Figures, release: Path, out: Path | None = None, plots: bool = True) -> Path:
    """Write JSON, Markdown and plots as RELEASE/audit, or `out`; gives the folder. Without `plots`, JSON alone.

    Raises:
        ReleaseError: it is there already; an audit is never overwritten.
        TargetExists: nothing can be written there.
        ReportError: matplotlib is not installed.
    """
    folder = out or release / AUDIT
    check_free(folder)
    with aside(folder) as temporary:
        told: Any = json.dumps(figures, indent=2, ensure_ascii=False)
        (temporary / SUMMARY).write_text(told + "\n", encoding="utf-8")
        if plots:
            draw(figures, temporary)
            (temporary / PAGE).write_text(page(figures), encoding="utf-8")
    return folder


def check_free(folder: Path) -> None:
    """Make sure, before anything is computed, that an audit can be written.

    Raises:
        ReleaseError: something is there.
        TargetExists: nothing can be written where it would lie.
    """
    if folder.exists():
        raise ReleaseError(f"{folder} exists; an audit is never overwritten, name another folder with --out")
    check_can_be_made(folder)
