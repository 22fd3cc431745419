"""FM: a factorisation machine whose only features are the user and the item.

    y(u, i) = b + b_u + b_i + u . i

Source: Rendle, ICDM 2010, eq. (1) with two one-hot features. Scores are y itself, of either sign: higher is better.
A loss that compares items of one user teaches b and b_u nothing: they cancel, and leave every ranking as it is.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from models.geometry import keep_in_unit_ball_, rows_of, unit_rows
from models.interface import Sizes
from models.noise import Noise


@dataclass(frozen=True)
class FMConfig:
    """Settings of FM; `bounded` keeps users and items inside the unit ball, the biases stay free."""

    embedding_size: int = 100
    bounded: bool = True


class FM(nn.Module):
    """Users (n_users, d), items (n_items, d), and their biases: (1,), (n_users, 1), (n_items, 1)."""

    def __init__(self, config: FMConfig, sizes: Sizes, generator: Generator) -> None:
        super().__init__()
        self.config = config
        self.n_users, self.n_items = sizes.n_users, sizes.n_items
        self.users = nn.Parameter(unit_rows(self.n_users, config.embedding_size, generator))
        self.items = nn.Parameter(unit_rows(self.n_items, config.embedding_size, generator))
        self.bias = nn.Parameter(torch.zeros(1))
        self.user_biases = nn.Parameter(torch.zeros(self.n_users, 1))
        self.item_biases = nn.Parameter(torch.zeros(self.n_items, 1))

    def score_pairs(self, users: Tensor, items: Tensor, *, generator: Noise | None = None) -> Tensor:
        """Score (B,) users with (B,) items by the equation; returns (B,). Nothing is drawn from `generator`."""
        u, i = rows_of(self.users, users), rows_of(self.items, items)
        b_u, b_i = rows_of(self.user_biases, users), rows_of(self.item_biases, items)
        return self.bias + b_u.squeeze(-1) + b_i.squeeze(-1) + (u * i).sum(-1)

    def score_items(self, users: Tensor, candidates: Tensor | None = None, *, generator: Noise | None = None) -> Tensor:
        """Score every item, or the (n,) candidates, for (B,) users; returns (B, n)."""
        i = self.items if candidates is None else rows_of(self.items, candidates)
        b_i = self.item_biases if candidates is None else rows_of(self.item_biases, candidates)
        biases = self.bias + rows_of(self.user_biases, users) + b_i.T
        return torch.addmm(biases, rows_of(self.users, users), i.T)

    def constrain_(self) -> None:
        """Keep users and items inside the unit ball where `bounded`; to be called after each optimiser step."""
        if self.config.bounded:
            keep_in_unit_ball_(self.users.data)
            keep_in_unit_ball_(self.items.data)
