"""Which stored facts to show: those of the relation that weighed most, and among them the most specific.

A tie joins the candidate to one item of the user's history through one relation. "The same director" says more than
"the same language" even where both relations weigh alike: fewer facts meet in a director. The number of stored facts
of the relation that meet in the shared entity is the tie's fan.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Protocol, TypeGuard, TypeVar


class TieLike(Protocol):
    """What ranking needs to know of a tie."""

    @property
    def history_item(self) -> str:
        """The item of the history that it joins."""
        ...

    @property
    def relation_id(self) -> str:
        """The relation of its facts."""
        ...

    @property
    def fan(self) -> int:
        """How many stored facts of the relation meet in the shared entity."""
        ...


TieT = TypeVar("TieT", bound=TieLike)


class ByRelation(Protocol[TieT]):
    """Ties that are found when they are asked for, relation by relation."""

    @property
    def relations(self) -> Sequence[str]:
        """The relations that may have any."""
        ...

    def under(self, relation_ids: Collection[str]) -> list[TieT]:
        """Find those of some relations."""
        ...


def rank_ties(ties: Sequence[TieT], shares: Mapping[str, float], limit: int) -> list[TieT]:
    """Order ties by share of their relation, then fan, then history item; at most `limit`, one for a history item.

    A relation without a share (it stands in the graph, but not in the model) comes last. Ties that are found by
    relation are looked for until there are enough: what comes later has a smaller share.
    """
    found = _enough(ties, shares, limit) if _is_by_relation(ties) else ties
    order = sorted(found, key=lambda tie: (-shares.get(tie.relation_id, 0.0), tie.fan, tie.history_item))
    best: dict[str, TieT] = {}
    for tie in order:
        best.setdefault(tie.history_item, tie)
    return list(best.values())[:limit]


def rank_ties_by_drop(
    ties: Sequence[TieT], shares: Mapping[str, float], drops: Mapping[str, float], limit: int
) -> list[TieT]:
    """Order ties by share of their relation, then by how much the score drops without their history item, then by fan.

    A history item whose drop is not known comes after those whose drop is; at most `limit`, one for a history item.
    """

    def order(tie: TieT) -> tuple[float, bool, float, int, str]:
        drop = drops.get(tie.history_item)
        return -shares.get(tie.relation_id, 0.0), drop is None, -(drop or 0.0), tie.fan, tie.history_item

    best: dict[str, TieT] = {}
    for tie in sorted(ties, key=order):
        best.setdefault(tie.history_item, tie)
    return list(best.values())[:limit]


def _is_by_relation(ties: Sequence[TieT]) -> "TypeGuard[ByRelation[TieT]]":
    """Tell by the method: an `isinstance` of a protocol takes longer than the ties do."""
    return hasattr(ties, "under")


def _enough(ties: ByRelation[TieT], shares: Mapping[str, float], limit: int) -> list[TieT]:
    """Find ties by share, largest first, until `limit` history items have one; relations of one share go together."""
    found: list[TieT] = []
    heaviest = sorted(ties.relations, key=lambda relation: -shares.get(relation, 0.0))
    for _, alike in groupby(heaviest, key=lambda relation: shares.get(relation, 0.0)):
        found += ties.under(list(alike))
        if len({tie.history_item for tie in found}) >= limit:
            break
    return found
