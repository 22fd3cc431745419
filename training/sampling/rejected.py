"""Facts that people called false, and true ones to compare them with."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from training.comparisons import Rejections

MOST = 256
"""Rejected facts of one batch; where there are more, that many are drawn."""


@dataclass(frozen=True)
class RejectedFacts:
    """(n, 3) head, relation, tail rows that are false, and the training facts by relation.

    Those of the relation of `false[k]` are `true[starts[k]]` up to `true[starts[k] + counts[k]]`.
    """

    false: Tensor
    true: Tensor
    starts: Tensor
    counts: Tensor

    @classmethod
    def of(cls, rejected: NDArray[np.int64], train: NDArray[np.int64], device: torch.device) -> Self | None:
        """Hold (n, 3) rejected rows against (m, 3) training rows; None where none has a fact of its relation.

        Of a relation without any training fact nothing is learnt, so nothing of it needs to be unlearnt.
        """
        true = train[np.argsort(train[:, 1], kind="stable")]
        starts = np.searchsorted(true[:, 1], rejected[:, 1])
        counts = np.searchsorted(true[:, 1], rejected[:, 1], side="right") - starts
        some = counts > 0
        if not some.any():
            return None
        parts = (rejected[some], true, starts[some], counts[some])
        return cls(*(torch.from_numpy(np.ascontiguousarray(part)).to(device) for part in parts))

    def draw(self, generator: Generator) -> Rejections:
        """Draw up to MOST of them without repeats, and for each a training fact of its relation."""
        n, device = len(self.false), self.false.device
        chosen = torch.arange(n, device=device)
        if n > MOST:
            chosen = torch.randperm(n, generator=generator, device=device)[:MOST]
        shares = torch.rand(len(chosen), generator=generator, device=device, dtype=torch.float64)
        places = self.starts[chosen] + (shares * self.counts[chosen]).long()
        return Rejections(self.false[chosen], self.true[places])
