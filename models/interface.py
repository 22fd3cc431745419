"""What a model promises. Scores are negated distances or inner products: higher is better, everywhere."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from models.noise import Noise


@dataclass(frozen=True)
class Sizes:
    """How many rows each vocabulary has, and which entity each item is.

    `alignment` is (n_items,) int64: the entity's row, or -1 where the item has none. Empty where there are no items.
    """

    n_users: int
    n_items: int
    n_entities: int
    n_relations: int
    alignment: Tensor


class ItemScorer(Protocol):
    """Scores items for users."""

    n_users: int
    n_items: int

    def score_pairs(self, users: Tensor, items: Tensor, *, generator: Noise | None = None) -> Tensor:
        """Score (B,) users with (B,) items, int64 rows, by the literal equation; differentiable; returns (B,).

        `generator` draws the Gumbel noise of hard induction in training; None means no noise.

        Raises:
            IndexError: a row is outside its vocabulary.
        """
        ...

    def score_items(self, users: Tensor, candidates: Tensor | None = None, *, generator: Noise | None = None) -> Tensor:
        """Score every item, or the (n,) candidates, for (B,) users; returns (B, n_items) or (B, n).

        Equal to `score_pairs` within 1e-4; differentiable too, which is how shared negatives are scored.
        """
        ...

    def constrain_(self) -> None:
        """Bring the parameters back to where the model is defined (unit ball, unit normals), after a step."""
        ...


class TripleScorer(Protocol):
    """Scores facts of a knowledge graph."""

    n_entities: int
    n_relations: int

    def score_triples(self, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
        """Score (B,) triples by the literal equation; differentiable; returns (B,)."""
        ...

    def score_tails(self, heads: Tensor, relations: Tensor, candidates: Tensor | None = None) -> Tensor:
        """Score every entity, or the (n,) candidates, as tails of (B,) queries; returns (B, n_entities) or (B, n)."""
        ...

    def score_heads(self, relations: Tensor, tails: Tensor, candidates: Tensor | None = None) -> Tensor:
        """Score every entity, or the (n,) candidates, as heads of (B,) queries; returns (B, n_entities) or (B, n)."""
        ...

    def score_relations(self, heads: Tensor, tails: Tensor) -> Tensor:
        """Score every relation between (B,) pairs of entities; returns (B, n_relations)."""
        ...

    def constrain_(self) -> None:
        """Bring the parameters back to where the model is defined, after a step."""
        ...


class PreferenceModel(ItemScorer, Protocol):
    """An item scorer that reaches items by a translation along an induced preference."""

    n_preferences: int

    def preference_weights(self, users: Tensor, items: Tensor, *, masked: Tensor | None = None) -> Tensor:
        """Give the weights (B, P) that the scorer uses for each pair: the attention (soft), or one-hot (hard).

        They sum to 1, except under raw attention, whose weights may be negative: compare their sizes.
        `masked` is (B, P) bool: preferences that may not be induced.
        """
        ...

    def score_with_weights(self, users: Tensor, items: Tensor, weights: Tensor) -> Tensor:
        """Score (B,) pairs with given (B, P) preference weights; with the model's own weights this is `score_pairs`."""
        ...
