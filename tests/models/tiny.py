"""Models so small that every number is worked out by hand."""

from typing import Any

import torch

from models.catalogue import Catalogue
from models.interface import Sizes
from models.preferences import PreferenceSpace
from models.registry import build, config_from


def two_by_two(strategy: str, temperature: float = 1.0) -> Any:
    """One user at (1, 0), items at (1, 1) and (0, 1), preferences (1, 0) and (0, 1), normals the other way round."""
    config = config_from(
        "tup", {"embedding_size": 2, "n_preferences": 2, "strategy": strategy, "norm": "l2", "temperature": temperature}
    )
    model: Any = build("tup", config, Sizes(1, 2, 0, 0, torch.empty(0, dtype=torch.int64)), torch.Generator())
    with torch.no_grad():
        model.users.copy_(torch.tensor([[1.0, 0.0]]))
        model.items.copy_(torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
        model.preferences.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        model.preference_normals.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    return model.double()


def user_of(model: Any, row: int = 0) -> torch.Tensor:
    """The vector of a user."""
    return model.user_vectors(torch.tensor([row]))[0].detach()  # type: ignore[no-any-return]


def on_a_line(*places: float) -> Catalogue:
    """Items on a line, and one preference without length or normal: g = (u - i)^2."""
    nothing = torch.zeros(1, 1, dtype=torch.float64)
    space = PreferenceSpace(nothing, nothing, "soft", "l2", 1.0)
    return Catalogue.over(space, torch.tensor(places, dtype=torch.float64).unsqueeze(1))
