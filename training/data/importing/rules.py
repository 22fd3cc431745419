"""What a person decides about an import; each rule with its default, which the report repeats."""

from collections.abc import Mapping
from dataclasses import dataclass

from training.data.readers.base import Zeros


@dataclass(frozen=True)
class Rules:
    """The rules of one import.

    Attributes:
        seed: of the splits that use chance.
        max_bad_share: the share of malformed rows in a file, from 0 to 1, that is dropped without stopping.
        positive_from: interactions with a smaller value are negative and left out; None: every row is positive.
        zeros: what a value of 0 is: a value like any other (`keep`), no row (`drop`), or a row without a value, which
            no threshold touches (`implicit`). None: as the format means it; `keep` where it says nothing.
        split: one of `splits.INTERACTION_SPLITS`. None: as the source gives it, else `per-user-random`.
        min_user_interactions, min_item_interactions: users and items with fewer are left out, again and again, until
            all that stay have so many (the k-core).
        min_entity_triples, min_relation_triples: likewise of facts; entities that stand for items stay.
        min_aligned_share: the share of items, from 0 to 1, that must be tied to an entity.
    """

    seed: int = 0
    max_bad_share: float = 0.01
    positive_from: float | None = None
    zeros: Zeros | None = None
    split: str | None = None
    min_user_interactions: int = 0
    min_item_interactions: int = 0
    min_entity_triples: int = 0
    min_relation_triples: int = 0
    min_aligned_share: float = 0.0

    def spoken(self, zeros: Zeros) -> Mapping[str, str]:
        """Say every rule as options of `convert`, with what was taken for None."""
        return {
            "--positive-from": "every row is positive" if self.positive_from is None else f"{self.positive_from:g}",
            "--zeros": zeros,
            "--split": self.split or "as given, else per-user-random",
            "--seed": str(self.seed),
            "--min-user-interactions": str(self.min_user_interactions),
            "--min-item-interactions": str(self.min_item_interactions),
            "--min-entity-triples": str(self.min_entity_triples),
            "--min-relation-triples": str(self.min_relation_triples),
            "--min-aligned-share": f"{self.min_aligned_share:g}",
            "--max-bad-share": f"{self.max_bad_share:g}",
        }
