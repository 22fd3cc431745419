"""What a model promises. Scores are negated distances or inner products: higher is better, everywhere."""

from typing import Protocol

from torch import Generator, Tensor


class ItemScorer(Protocol):
    """Scores items for users."""

    n_users: int
    n_items: int

    def score_pairs(self, users: Tensor, items: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Score (B,) users with (B,) items, int64 rows, by the literal equation; differentiable; returns (B,).

        `generator` draws the Gumbel noise of hard induction in training; None means no noise.

        Raises:
            IndexError: a row is outside its vocabulary.
        """
        ...

    def score_items(self, users: Tensor) -> Tensor:
        """Score every item for (B,) users; returns (B, n_items). Equal to `score_pairs` within 1e-4."""
        ...


class TripleScorer(Protocol):
    """Scores facts of a knowledge graph."""

    n_entities: int
    n_relations: int

    def score_triples(self, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
        """Score (B,) triples by the literal equation; differentiable; returns (B,)."""
        ...

    def score_tails(self, heads: Tensor, relations: Tensor) -> Tensor:
        """Score every entity as tail of (B,) queries; returns (B, n_entities)."""
        ...

    def score_heads(self, relations: Tensor, tails: Tensor) -> Tensor:
        """Score every entity as head of (B,) queries; returns (B, n_entities)."""
        ...

    def score_relations(self, heads: Tensor, tails: Tensor) -> Tensor:
        """Score every relation between (B,) pairs of entities; returns (B, n_relations)."""
        ...


class PreferenceModel(ItemScorer, Protocol):
    """An item scorer that reaches items by a translation along an induced preference."""

    n_preferences: int

    def preference_weights(self, users: Tensor, items: Tensor, *, masked: Tensor | None = None) -> Tensor:
        """Give the weights (B, P) that the scorer uses for each pair: the attention (soft), or one-hot (hard).

        `masked` is (B, P) bool: preferences that may not be induced.
        """
        ...

    def score_with_weights(self, users: Tensor, items: Tensor, weights: Tensor) -> Tensor:
        """Score (B,) pairs with given (B, P) preference weights; with the model's own weights this is `score_pairs`."""
        ...
