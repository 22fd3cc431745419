"""What counts, under which protocol. A report names one of them and never mixes the two.

strict  Ours, the default. Negatives avoid training positives only; a split is ranked against all items but those of
        the splits before it; NDCG is the standard one; ranks count from 1; triples that stand in train leave valid
        and test.
paper   As the public code of Cao et al., WWW 2019 does it: negatives avoid validation and test positives too; a split
        is ranked against all items but those of the other splits; NDCG is of the retrieved list; ranks count from 0;
        triples that stand in an earlier split are not scored; an entity keeps one item, the last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Protocol:
    """The points on which the two differ."""

    name: Literal["strict", "paper"]
    negatives_avoid: tuple[Split, ...]
    excluded: Mapping[str, tuple[Split, ...]]
    ndcg: Literal["ndcg", "ndcg_of_retrieved"]
    first_rank: int
    one_item_per_entity: bool


STRICT = Protocol("strict", ("train",), {"valid": ("train",), "test": ("train", "valid")}, "ndcg", 1, False)
PAPER = Protocol(
    "paper",
    ("train", "valid", "test"),
    {"valid": ("train", "test"), "test": ("train", "valid")},
    "ndcg_of_retrieved",
    0,
    True,
)
PROTOCOLS: Mapping[str, Protocol] = {"strict": STRICT, "paper": PAPER}


def alignment_under(protocol: Protocol, alignment: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the (n_items,) alignment that the protocol allows: the paper's code keeps the last item of an entity."""
    if not protocol.one_item_per_entity:
        return alignment
    last_of = {int(entity): item for item, entity in enumerate(alignment) if entity >= 0}
    kept = np.array([last_of.get(int(entity)) == item for item, entity in enumerate(alignment)], dtype=bool)
    return np.where(kept, alignment, -1)
