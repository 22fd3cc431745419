"""Data sets from which some users or items are taken out of training, as if they came after it.

Vocabularies stay whole, so that rows mean the same with and without them: who is held out keeps a row that nothing
taught. What is held out leaves the training and the validation rows, so that it can choose no epoch either.
"""

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.data.indexed import IndexedDataset

Rows = NDArray[np.int64]


def draw_users(dataset: IndexedDataset, n: int, seed: int) -> Rows:
    """Draw n of the users who have training and test rows, sorted; all of them where there are fewer."""
    able = np.intersect1d(dataset.interactions["train"][:, 0], dataset.interactions["test"][:, 0])
    return np.sort(np.random.default_rng(seed).permutation(able)[:n])


def draw_items(dataset: IndexedDataset, n: int, seed: int) -> Rows:
    """Draw n of the aligned items whose entity has training facts and is no other item's, and that somebody has."""
    entities = dataset.alignment[dataset.alignment >= 0]
    own, counts = np.unique(entities, return_counts=True)
    told = np.intersect1d(own[counts == 1], dataset.triples["train"][:, [0, 2]])
    able = np.intersect1d(np.flatnonzero(np.isin(dataset.alignment, told)), dataset.interactions["train"][:, 1])
    return np.sort(np.random.default_rng(seed).permutation(able)[:n])


def without_users(dataset: IndexedDataset, users: Rows) -> IndexedDataset:
    """Take the training and validation rows of some users out."""
    return _without(dataset, 0, users, f"without {len(users)} users")


def without_items(dataset: IndexedDataset, items: Rows) -> IndexedDataset:
    """Take the training and validation rows of some items out, and every fact of their entities."""
    rest = _without(dataset, 1, items, f"without {len(items)} items")
    entities = dataset.alignment[items]
    triples = {split: rows[~np.isin(rows[:, [0, 2]], entities).any(axis=1)] for split, rows in dataset.triples.items()}
    return replace(rest, triples=triples)


def _without(dataset: IndexedDataset, column: int, rows: Rows, how: str) -> IndexedDataset:
    kept = {
        split: pairs if split == "test" else pairs[~np.isin(pairs[:, column], rows)]
        for split, pairs in dataset.interactions.items()
    }
    which = hashlib.sha256(rows.tobytes()).hexdigest()[:16]
    return replace(dataset, interactions=kept, content_hash=f"{dataset.content_hash} {how}, {which}")
