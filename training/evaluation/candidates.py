"""The candidates that a completion would show, with what came true of them: what calibration learns from.

Queries are those that the whole graph would answer: every (entity, relation) with a stored fact, and those without one
of which a fact was held out. Candidates are the best of each kind (models/retrieval/calibration.py) not stored.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.geometry import GRID_ELEMENTS
from models.retrieval.answers import Answers, Rows
from models.retrieval.calibration import KINDS, Kind, log_softmax_by_kind, states_of
from models.retrieval.roles import SIDES, Roles, Side

SHOWN, QUERIES = 100, 2000
"""Candidates of a query, the most that the service returns; queries of a side, a random sample where there are more."""


@dataclass(frozen=True)
class Candidates:
    """(n,) candidates of one kind: log softmax, relation, whether held out, place in its query; states (n, 2)."""

    log_softmax: Tensor
    relations: Tensor
    states: Tensor
    labels: Tensor
    places: Tensor

    @property
    def empty(self) -> Tensor:
        """Which of the (n,) belong to a query without a stored answer."""
        return self.states[:, 1] > 0

    def of(self, chosen: Tensor) -> "Candidates":
        """Keep those that the (n,) bool mask chooses."""
        return Candidates(**{name: column[chosen] for name, column in vars(self).items()})


@torch.no_grad()
def shown_candidates(
    model: Any, stored: Answers, held_out: Answers, roles: Roles, sharpness: float
) -> dict[Kind, Candidates]:
    """Give the candidates of a sample of queries, by kind. Memory is about GRID_ELEMENTS scores at a time."""
    found: dict[Kind, list[Candidates]] = {kind: [] for kind in KINDS}
    for side in SIDES:
        queries = _sample(np.concatenate([stored.queries(side), held_out.queries(side)]))
        size = max(1, GRID_ELEMENTS // max(1, model.n_entities))
        for start in range(0, len(queries), size):
            part = queries[start : start + size]
            typed = torch.from_numpy(roles.mask(part[:, 1], side, model.n_entities))
            logs = log_softmax_by_kind(_open_scores(model, side, part, stored, sharpness), typed)
            true = torch.zeros_like(typed)
            true[_pairs(held_out, side, part)] = True
            states = states_of(stored, side, part)
            for kind in (True, False):
                of_kind = logs.masked_fill(typed != kind, -torch.inf)
                found[side, kind].append(_best(of_kind, true, torch.from_numpy(part[:, 1]), states))
    return {kind: _joined(pieces) for kind, pieces in found.items()}


def _sample(queries: Rows) -> Rows:
    """Draw without replacement, so that a query with and one without stored answers are drawn alike."""
    distinct = np.unique(queries, axis=0)
    return distinct[np.sort(np.random.default_rng(0).permutation(len(distinct))[:QUERIES])]


def _open_scores(model: Any, side: Side, queries: Rows, stored: Answers, sharpness: float) -> Tensor:
    """Score all entities for (B, 2) queries, sharpened; -inf where stored; returns (B, n_entities) float64."""
    given, relations = torch.from_numpy(queries).unbind(1)
    scores = model.score_tails(given, relations) if side == "tail" else model.score_heads(relations, given)
    sharp: Tensor = sharpness * scores.to(torch.float64)
    if bool(torch.isnan(sharp).any()):
        raise FloatingPointError("a score of the completion task is not a number")
    sharp[_pairs(stored, side, queries)] = -torch.inf
    return sharp


def _pairs(answers: Answers, side: Side, queries: Rows) -> tuple[Tensor, Tensor]:
    positions, entities = answers.pairs_of(side, queries)
    return torch.from_numpy(positions), torch.from_numpy(entities)


def _best(logs: Tensor, true: Tensor, relations: Tensor, states: Tensor) -> Candidates:
    """Take the SHOWN best of each row of (B, n_entities), fewer where fewer are candidates."""
    values, columns = logs.topk(min(SHOWN, logs.shape[1]), dim=1)
    rows, places = torch.nonzero(~values.isneginf(), as_tuple=True)
    labels = true.gather(1, columns)
    return Candidates(values[rows, places], relations[rows], states[rows], labels[rows, places], places)


def _joined(pieces: list[Candidates]) -> Candidates:
    names = vars(pieces[0]) if pieces else ()
    return Candidates(**{name: torch.cat([getattr(piece, name) for piece in pieces]) for name in names})
