"""What ties each training item to the rest of its user's history, relation by relation: what induction is taught.

A ranking loss alone leaves it open which preference carries a pair: any will do that brings the user near the item, and
none need be the relation that a person would name (docs/experiments.md). So a pair may be taught its relations, too:

    c_k(u, i) = max over the m entities e of i under relation k of D(n_e, N, p_e) - log m
    q_k(u, i) = c_k m_k / sum_l c_l m_l,   m_k(u) = mean of c_k over the user's items

Of the user's other N training items n_e have e under k, where a history drawn by popularity would have a share p_e.
D is half the deviance of a binomial (log likelihood ratio), 0 where n_e is no more than p_e N. A relation of many
entities has as many chances to tie a pair, so log m is taken off (Bonferroni); c lies between 0 and MOST_EVIDENCE.
A relation under which everything is alike (a genre that has most of the films) says nothing, since p_e is high; one
that a user's items share by far more than chance says much. Only training interactions and training facts are counted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.retrieval.ranking import RowLists
from training.data.indexed import UNALIGNED, IndexedDataset
from training.shares import WHOLE, Share

MOST_EVIDENCE = 4.0
"""Nats. Beyond that a tie is certain, and more of the same must not outweigh every other."""
BLOCK_CELLS = 1 << 22
"""Cells of the counts of a block of users: 32 MiB."""


@dataclass(frozen=True)
class InductionTargets:
    """q for training pairs: (n,) sorted keys user * n_items + item, and (n, P) weights of sum 1, or 0 without a tie.

    Where the pairs lie on several processes, `total` adds up what each of them knows.
    """

    keys: Tensor
    weights: Tensor
    n_items: int
    total: Callable[[Tensor], Tensor] | None = None

    def of(self, users: Tensor, items: Tensor) -> Tensor:
        """Give the (B, P) weights of (B,) pairs; zeros for a pair that is none of training."""
        if not len(self.keys):
            return self.weights.new_zeros(len(users), self.weights.shape[1])
        asked = users * self.n_items + items
        places = torch.searchsorted(self.keys, asked).clamp_max(len(self.keys) - 1)
        return self.weights[places] * (self.keys[places] == asked).unsqueeze(1)

    def within(self, rows: slice, users: Tensor, items: Tensor) -> Tensor:
        """Give the weights of some `rows` of (B,) pairs; all processes have to ask with the same pairs."""
        if self.total is None:
            return self.of(users[rows], items[rows])
        return self.total(self.of(users, items))[rows]

    @staticmethod
    def loss(logits: Tensor, wanted: Tensor, share: Share = WHOLE) -> Tensor:
        """Give the cross-entropy -sum_k q_k log softmax_k of (B, P) logits, where q are the `wanted` weights.

        It is a mean over the pairs that have a tie.
        """
        tied = share.total(wanted.sum()).clamp_min(1.0)
        return -(wanted * logits.log_softmax(-1)).sum() / tied


def induction_targets(
    dataset: IndexedDataset,
    device: torch.device,
    popularity: NDArray[np.int64] | None = None,
    total: Callable[[Tensor], Tensor] | None = None,
) -> InductionTargets:
    """Work out q for every training pair of a data set. Memory is n_pairs x P float32 and a block of users.

    Of a data set that has the pairs of some users alone, `popularity` are the (n_items,) training pairs of all, which
    is what its own q need of others, and `total` is that of `InductionTargets`.
    """
    n_items, n_relations = len(dataset.items), len(dataset.relations)
    history = RowLists.of_pairs(dataset.interactions["train"], len(dataset.users))
    if popularity is None:
        popularity = np.bincount(dataset.interactions["train"][:, 1], minlength=n_items)
    facts = _Facts.of(dataset, popularity)
    evidence = np.zeros((len(history.columns), n_relations), np.float32)
    here = range(len(dataset.users)) if dataset.shards is None else dataset.shards.rows
    for first, last in _blocks(here, len(facts.mass)):
        rows = slice(history.starts[first], history.starts[last])
        evidence[rows] = facts.evidence(history, np.arange(first, last), n_relations)
    weights = _weights(evidence, history)
    users = np.repeat(np.arange(len(dataset.users)), np.diff(history.starts))
    keys = torch.from_numpy(users * n_items + history.columns)
    return InductionTargets(keys.to(device), torch.from_numpy(weights).to(device), n_items, total)


@dataclass(frozen=True)
class _Facts:
    """For each item its (relation, neighbour) pairs, numbered; of each pair the relation, and how popular it is."""

    of_items: RowLists
    relations: NDArray[np.int64]
    mass: NDArray[np.float64]

    @classmethod
    def of(cls, dataset: IndexedDataset, popularity: NDArray[np.int64]) -> "_Facts":
        """Gather what training facts say of aligned items, as head or as tail; popularity is (n_items,)."""
        heads, relations, tails = dataset.triples["train"].T
        n_entities, n_items = len(dataset.entities), len(dataset.items)
        items_of = RowLists.of_pairs(_aligned(dataset.alignment), n_entities)
        entities = np.concatenate([heads, tails])
        # The direction is part of the pair: what a film follows is not what follows it.
        neighbours = np.concatenate([tails, heads]) + n_entities * np.repeat([0, 1], len(heads))
        pairs = np.concatenate([relations, relations]) * (2 * n_entities) + neighbours
        positions, items = items_of.pairs_of(entities)
        kinds, places = np.unique(pairs[positions], return_inverse=True)
        of_items = RowLists.of_pairs(np.stack([items, places], axis=1), n_items)
        owners = np.repeat(np.arange(n_items), np.diff(of_items.starts))
        mass = np.bincount(of_items.columns, weights=popularity[owners], minlength=len(kinds))
        return cls(of_items, kinds // (2 * n_entities), mass / max(1, popularity.sum()))

    def evidence(self, history: RowLists, users: NDArray[np.int64], n_relations: int) -> NDArray[np.float32]:
        """Give c for the pairs of (B,) users in a row, in the order of their lists; returns (pairs, P)."""
        owners, items = history.pairs_of(users)
        positions, kinds = self.of_items.pairs_of(items)
        cells = owners[positions] * len(self.mass) + kinds
        counts = np.bincount(cells, minlength=len(users) * len(self.mass))[cells]
        sizes = np.diff(history.starts)[users][owners[positions]]
        found = np.zeros(len(items) * n_relations, np.float32)
        places = positions * n_relations + self.relations[kinds]
        chances = np.bincount(places, minlength=len(found))[places]
        deviance = _half_deviance(counts - 1, sizes - 1, self.mass[kinds])
        np.maximum.at(found, places, np.clip(deviance - np.log(chances), 0.0, MOST_EVIDENCE).astype(np.float32))
        return found.reshape(len(items), n_relations)


def _half_deviance(
    counts: NDArray[np.int64], of: NDArray[np.int64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give n log(n / (N p)) + (N - n) log((N - n) / (N (1 - p))) where n > N p, else 0."""
    found = np.zeros(len(counts))
    more = (counts > of * shares) & (shares < 1)
    n, total, p = counts[more], of[more], shares[more]
    rest = total - n
    without = np.where(rest > 0, rest * np.log(np.maximum(rest, 1) / (total * (1 - p))), 0.0)
    found[more] = n * np.log(n / (total * p)) + without
    return found


def _weights(evidence: NDArray[np.float32], history: RowLists) -> NDArray[np.float32]:
    """Turn (n, P) c into q: what ties the pair, times what ties the user's items on the whole."""
    sizes = np.diff(history.starts)
    running = np.concatenate([np.zeros((1, evidence.shape[1])), np.cumsum(evidence, axis=0, dtype=np.float64)])
    means = (running[history.starts[1:]] - running[history.starts[:-1]]) / np.maximum(sizes, 1)[:, None]
    weights = evidence * np.repeat(means, sizes, axis=0).astype(np.float32)
    total = weights.sum(1, keepdims=True)
    shares: NDArray[np.float32] = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    return shares


def _aligned(alignment: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give (n, 2) rows: entity, item."""
    items = np.flatnonzero(alignment != UNALIGNED)
    return np.stack([alignment[items], items], axis=1)


def _blocks(users: range, n_kinds: int) -> Iterator[tuple[int, int]]:
    size = max(1, BLOCK_CELLS // max(1, n_kinds))
    yield from ((first, min(first + size, users.stop)) for first in range(users.start, users.stop, size))
