"""BPRMF: matrix factorisation, to be taught by pairwise ranking.

    y(u, i) = u . i

Source: Rendle et al., UAI 2009. Scores are y itself, of either sign: higher is better.
"""

from dataclasses import dataclass

from torch import Generator, Tensor, nn

from models.geometry import keep_in_unit_ball_, rows_of, unit_rows
from models.interface import Sizes
from models.noise import Noise


@dataclass(frozen=True)
class BPRMFConfig:
    """Settings of BPRMF; `bounded` keeps users and items inside the unit ball."""

    embedding_size: int = 100
    bounded: bool = True


class BPRMF(nn.Module):
    """Users (n_users, d) and items (n_items, d)."""

    def __init__(self, config: BPRMFConfig, sizes: Sizes, generator: Generator) -> None:
        super().__init__()
        self.config = config
        self.n_users, self.n_items = sizes.n_users, sizes.n_items
        self.users = nn.Parameter(unit_rows(self.n_users, config.embedding_size, generator))
        self.items = nn.Parameter(unit_rows(self.n_items, config.embedding_size, generator))

    def score_pairs(self, users: Tensor, items: Tensor, *, generator: Noise | None = None) -> Tensor:
        """Score (B,) users with (B,) items: u . i; returns (B,). Nothing here is drawn from `generator`."""
        return (rows_of(self.users, users) * rows_of(self.items, items)).sum(-1)

    def score_items(self, users: Tensor, candidates: Tensor | None = None, *, generator: Noise | None = None) -> Tensor:
        """Score every item, or the (n,) candidates, for (B,) users; returns (B, n)."""
        items = self.items if candidates is None else rows_of(self.items, candidates)
        return rows_of(self.users, users) @ items.T

    def constrain_(self) -> None:
        """Keep users and items inside the unit ball where `bounded`; to be called after each optimiser step."""
        if self.config.bounded:
            keep_in_unit_ball_(self.users.data)
            keep_in_unit_ball_(self.items.data)
