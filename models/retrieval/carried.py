"""Where to look for a user among plain item vectors: at the user, carried by what they induce on average.

    a = mean over sampled items i of the weights that (u, i) induces
    p = sum a_k p_k,  w = sum a_k w_k
    q = u - (w . u) w + p                         asked, in squared L2

The pair's own mixture differs from item to item, so |q - i| orders items only roughly: enough to nominate, for whoever
then measures what was nominated by the model's own distance (`Searcher`). One query and one copy of the items, without
anything beside their vectors; against a query for each preference: docs/decisions/0022-past-one-machine.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.retrieval.items import Users

SAMPLED = 512
"""Items whose mixtures are averaged, evenly spaced in the vocabulary."""


@dataclass(frozen=True)
class Sample:
    """(S, P) float32: the logits P i of some items."""

    logits: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, model: Any) -> "Sample":
        """Take it from a preference model."""
        n = model.n_items
        rows = torch.from_numpy(np.linspace(0, max(0, n - 1), min(SAMPLED, n)).round().astype(np.int64))
        vectors, preferences = model.item_vectors(rows).cpu(), model.space.preferences.cpu()
        return cls((vectors @ preferences.T).float().contiguous())

    @torch.no_grad()
    def queries(self, users: Users) -> NDArray[np.float32]:
        """Give the vector q of each of (B,) users; returns (B, d)."""
        space = users.space
        weights = torch.stack([space.induce(own + self.logits).mean(0) for own in users.logits])
        along = (weights * users.normals).sum(1, keepdim=True)
        found: NDArray[np.float32] = (
            users.vectors - along * (weights @ space.normals) + weights @ space.preferences
        ).numpy()
        return found
