"""Mean and spread over seeds, differences paired by seed, and correlation; plain numpy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class OverSeeds:
    """A mean over seeds with the sample standard deviation (n - 1), which one seed alone does not have."""

    mean: float
    spread: float | None
    seeds: int


def over_seeds(values: Sequence[float]) -> OverSeeds:
    """Average at least one value.

    >>> over_seeds([1.0, 2.0, 3.0])
    OverSeeds(mean=2.0, spread=1.0, seeds=3)
    """
    if not values:
        raise ValueError("there is no value to average")
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return OverSeeds(float(np.mean(values)), spread, len(values))


@dataclass(frozen=True)
class Paired:
    """First minus second over the seeds that both have, and in how many of them the first is better."""

    difference: OverSeeds
    better: int


def paired(first: Mapping[int, float], second: Mapping[int, float], higher_is_better: bool) -> Paired | None:
    """Compare seed by seed; None where no seed has both.

    >>> paired({0: 5.0, 1: 4.0}, {0: 3.0, 1: 4.5, 2: 9.0}, higher_is_better=True)
    Paired(difference=OverSeeds(mean=0.75, spread=1.7677669529663689, seeds=2), better=1)
    """
    differences = [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
    if not differences:
        return None
    better = sum(difference > 0 if higher_is_better else difference < 0 for difference in differences)
    return Paired(over_seeds(differences), better)


def pearson(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    """Give Pearson's rho of (n,) pairs; None where it is not defined: fewer than two pairs, or one side constant.

    >>> round(pearson(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])), 4)
    0.3273
    """
    if len(x) < 2:
        return None
    dx, dy = x - x.mean(), y - y.mean()
    norm = float(np.sqrt((dx**2).sum() * (dy**2).sum()))
    return float((dx * dy).sum()) / norm if norm > 0 else None
