"""Items near an item: in the space that scores are measured in, or on the hyperplane of one preference.

    d(i, j) = | i - j |         d_k(i, j) = | x - (w_k . x) w_k |,   x = i - j

On the hyperplane of a preference, items are alike that differ only in what that preference does not look at.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from models.catalogue import Catalogue
from models.geometry import distances, project
from models.retrieval.search import Ranking


@torch.no_grad()
def similar_items(
    catalogue: Catalogue, item: int, n: int, excluded: NDArray[np.int64], preference: int | None = None
) -> Ranking:
    """Give the n items nearest to an item row, itself and `excluded` left out; scores are negated distances.

    Equal distances keep the order of the vocabulary; a distance that is not finite is left out.

    Raises:
        IndexError: the item or the preference is outside of the catalogue.
    """
    n_items, n_preferences = catalogue.logits.shape
    if not 0 <= item < n_items:
        raise IndexError(f"item row {item} is outside a catalogue of {n_items}")
    if preference is not None and not 0 <= preference < n_preferences:
        raise IndexError(f"preference {preference} is outside of {n_preferences}")
    points = catalogue.items if preference is None else project(catalogue.items, catalogue.space.normals[preference])
    measured = distances(points[item : item + 1], points, catalogue.space.norm)[0].numpy()
    measured[np.append(excluded, item).astype(np.int64)] = np.inf
    rows = np.flatnonzero(np.isfinite(measured))
    best = rows[np.argsort(measured[rows], kind="stable")[:n]]
    return Ranking(best, -measured[best])
