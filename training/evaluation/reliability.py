"""How far probabilities are from what came true: Brier score, calibration error, reliability bins; plain numpy.

The bins grow finer towards 0, since most candidates of a completion are no facts: with ten equal bins nearly all would
fall into the first, and their error could not be seen.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIRST = 10
"""Candidates that a completion shows unless asked for more."""
EDGES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Bin:
    """Candidates with a probability from `start` up to `end`: how many, what was said of them, what was true."""

    start: float
    end: float
    candidates: int
    said: float
    true: float


def bins(probabilities: NDArray[np.float64], labels: NDArray[np.bool_]) -> list[Bin]:
    """Gather (n,) probabilities and what came true into the bins of EDGES; a bin with no candidate is left out."""
    places = np.clip(np.searchsorted(EDGES, probabilities, side="right") - 1, 0, len(EDGES) - 2)
    counts, said, true = (np.bincount(places, w, len(EDGES) - 1) for w in (None, probabilities, labels))
    return [
        Bin(EDGES[k], EDGES[k + 1], int(counts[k]), float(said[k] / counts[k]), float(true[k] / counts[k]))
        for k in np.flatnonzero(counts)
    ]


def expected_calibration_error(probabilities: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """Give the mean over candidates of |said - true| of their bin.

    >>> expected_calibration_error(np.array([0.05, 0.05, 0.75, 0.75]), np.array([False, False, True, False]))
    0.15
    """
    _check(probabilities)
    return sum(b.candidates * abs(b.said - b.true) for b in bins(probabilities, labels)) / len(probabilities)


def brier(probabilities: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """Give the mean squared difference between (n,) probabilities and what came true (Brier, 1950).

    >>> brier(np.array([0.0, 0.5, 1.0, 0.5]), np.array([False, False, True, True]))
    0.125
    """
    _check(probabilities)
    return float(np.square(probabilities - labels).mean())


def _check(probabilities: NDArray[np.float64]) -> None:
    if len(probabilities) == 0:
        raise ValueError("there are no probabilities to measure")
    if not bool(((probabilities >= 0) & (probabilities <= 1)).all()):
        raise ValueError("a probability is outside of [0, 1]")


@dataclass(frozen=True)
class Judged:
    """(n,) candidates: probability before and after calibration, whether it came true, place in its query from 0."""

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    labels: NDArray[np.bool_]
    places: NDArray[np.int64]

    @classmethod
    def all_of(cls, parts: Sequence["Judged"]) -> "Judged":
        """Put parts one after the other."""
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])})

    def first(self) -> "Judged":
        """Keep the FIRST of each query."""
        return Judged(**{name: column[self.places < FIRST] for name, column in vars(self).items()})

    def figures(self) -> dict[str, Any]:
        """Count, and give both errors before and after; without errors where there is no candidate."""
        counts: dict[str, Any] = {"candidates": len(self.labels), "positives": int(self.labels.sum())}
        if len(self.labels):
            counts["before"], counts["after"] = (_errors(p, self.labels) for p in (self.before, self.after))
        return counts

    def reliability(self) -> list[dict[str, Any]]:
        """Give the bins after calibration as plain values."""
        return [asdict(b) for b in bins(self.after, self.labels)]


def _errors(probabilities: NDArray[np.float64], labels: NDArray[np.bool_]) -> dict[str, float]:
    error = expected_calibration_error(probabilities, labels)
    return {"expected_calibration_error": error, "brier": brier(probabilities, labels)}
