"""TUP: the preference that a pair induces carries the user to the item.

    phi = (u + i) . p                                              (8)
    hard: k = argmax phi, p = p_k, w = w_k                         (4-7)
    soft: a = softmax(phi);  p = sum a_k p_k;  w = sum a_k w_k     (9, 10, 14)
          raw attention, as in the paper's own code: a = phi / 2
    g = | x(u) + p - x(i) |,  where x(v) = v - (w . v) w           (11-13)

Numbers: Cao et al., WWW 2019. Scores are -g: higher is better.
"""

from dataclasses import dataclass

from torch import Generator, Tensor, nn

from models.geometry import Norm, keep_in_unit_ball_, keep_on_unit_sphere_, rows_of, unit_rows
from models.interface import Sizes
from models.preferences import Attention, PreferenceScoring, PreferenceSpace, Strategy, check_attention


@dataclass(frozen=True)
class TUPConfig:
    """Settings of TUP; `temperature` divides phi before the softmax, 1 as in the paper.

    `preference_scale` multiplies p, 1 as in the paper: below 1, how far a preference carries is bounded more tightly
    than where it points from, which keeps a model with many dimensions from overfitting (docs/experiments.md).
    """

    embedding_size: int = 100
    n_preferences: int = 20
    strategy: Strategy = "soft"
    norm: Norm = "l1"
    temperature: float = 1.0
    attention: Attention = "softmax"
    preference_scale: float = 1.0

    def __post_init__(self) -> None:
        check_attention(self.strategy, self.attention, self.temperature, self.preference_scale)


class TUP(PreferenceScoring, nn.Module):
    """Users (n_users, d), items (n_items, d), preferences and their normals (P, d)."""

    def __init__(self, config: TUPConfig, sizes: Sizes, generator: Generator) -> None:
        super().__init__()
        self.config = config
        self.n_users, self.n_items = sizes.n_users, sizes.n_items
        self.n_preferences = config.n_preferences
        self.users = nn.Parameter(unit_rows(self.n_users, config.embedding_size, generator))
        self.items = nn.Parameter(unit_rows(self.n_items, config.embedding_size, generator))
        self.preferences = nn.Parameter(unit_rows(self.n_preferences, config.embedding_size, generator))
        self.preference_normals = nn.Parameter(unit_rows(self.n_preferences, config.embedding_size, generator))

    @property
    def space(self) -> PreferenceSpace:
        """Induction and translation over this model's preferences."""
        c = self.config
        raw_scale = 0.5 if c.attention == "raw" else None
        preferences = c.preference_scale * self.preferences
        return PreferenceSpace(preferences, self.preference_normals, c.strategy, c.norm, c.temperature, raw_scale)

    def user_vectors(self, rows: Tensor) -> Tensor:
        """Give u for (B,) rows; returns (B, d), in the precision of the other tables, whatever they are stored in."""
        return rows_of(self.users, rows).to(self.items.dtype)

    def item_vectors(self, rows: Tensor | None = None) -> Tensor:
        """Give i for (B,) rows, or for all items; returns (B, d)."""
        return self.items if rows is None else rows_of(self.items, rows)

    def constrain_(self) -> None:
        """Keep users, items and preferences inside the unit ball, normals at length 1; call after each step."""
        for table in (self.users, self.items, self.preferences):
            keep_in_unit_ball_(table.data)
        keep_on_unit_sphere_(self.preference_normals.data)
