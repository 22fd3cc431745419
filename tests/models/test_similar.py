"""Items near an item, in the whole space and on one preference's hyperplane."""

from typing import Any

import numpy as np
import pytest
import torch

from models.catalogue import Catalogue
from models.preferences import PreferenceSpace
from models.retrieval.similar import similar_items

NOBODY = np.empty(0, dtype=np.int64)


def plane(norm: Any = "l2") -> Catalogue:
    """Items at (0, 0), (1, 0) and (0, 1/2); the normals of the two preferences are (0, 1) and (1, 0)."""
    normals = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).double()
    space = PreferenceSpace(torch.zeros(2, 2).double(), normals, "soft", norm, 1.0)
    return Catalogue.over(space, torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.5]]).double())


def test_nearest_in_the_whole_space() -> None:
    found = similar_items(plane(), 0, 5, NOBODY)
    assert (found.rows.tolist(), found.scores.tolist()) == ([2, 1], [-0.25, -1.0])


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_a_hyperplane_forgets_what_lies_along_its_normal(norm: str) -> None:
    # Without the second coordinate: 1 and 0. Without the first: 0 and 1/2, which is 1/4 squared.
    found = similar_items(plane(norm), 0, 5, NOBODY, preference=0)
    assert (found.rows.tolist(), found.scores.tolist()) == ([2, 1], [0.0, -1.0])
    found = similar_items(plane(norm), 0, 5, NOBODY, preference=1)
    assert (found.rows.tolist(), found.scores.tolist()) == ([1, 2], [0.0, -0.5 if norm == "l1" else -0.25])


def test_neither_the_item_itself_nor_an_excluded_one_is_similar() -> None:
    assert similar_items(plane(), 0, 5, np.array([2])).rows.tolist() == [1]
    assert similar_items(plane(), 1, 1, NOBODY).rows.tolist() == [0]


def test_rows_outside_of_the_catalogue_are_refused() -> None:
    for item, preference in ((-1, None), (3, None), (0, -1), (0, 2)):
        with pytest.raises(IndexError):
            similar_items(plane(), item, 5, NOBODY, preference)
