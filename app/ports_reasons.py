"""What a release says of one person's items in full: masked and alone, leaving out, taking back.

As in app/ports.py, nothing here knows torch, SQL, Redis or HTTP; ids are opaque strings, and higher scores are better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.ports import Attribution, Tie
from app.ports_people import Place

NothingFound = Literal["not_in_reference", "too_few_actions", "none_found", "too_many_solves"]


@dataclass(frozen=True, slots=True)
class Tied:
    """An item as it was attributed, and the stored ties that may speak for it."""

    attribution: Attribution
    ties: Sequence[Tie]


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Which of their own actions a person would have to take back for an item to leave the first N.

    The reference is their own list, `reference_rank` the item's place in it. `remove` was left out,
    everything was ranked again, and the item stood at `rank`, behind N; with any one item of it put back, it was among
    the first N again: `minimal`. Where nothing was found, `remove` is empty and `reason` says why; `rank` is None.
    """

    remove: Sequence[str] = ()
    rank: int | None = None
    reference_rank: int | None = None
    minimal: bool = False
    reason: NothingFound | None = None


@dataclass(frozen=True, slots=True)
class FullReason:
    """All that is told of one item beside its attribution.

    `rebuilt` is the score that the told weights make. `margin` is that of the induced preference over the second in
    hard induction. `without` and `only` are places by relation. `ties` are the best, first those under the preferences
    that weigh more, then those whose history item holds the score up more; `drops` are by how much the score falls
    where a history item is left out, for those that were tried.
    """

    item_id: str
    place: Place
    rebuilt: float
    margin: float | None
    without: Mapping[str, Place]
    only: Mapping[str, Place]
    ties: Sequence[Tie]
    drops: Mapping[str, float]
    counterfactual: Counterfactual
