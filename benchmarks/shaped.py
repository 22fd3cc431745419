"""Any number of item vectors shaped like those of a trained model.

The trained items, users, preferences and normals are turned into the d directions in which items and users vary most
(no centring, so lengths stay); `kept` is the share of their squared length that d directions hold. In these, items are
put into 32 groups by k-means; an item to be drawn gets a group in proportion to its size, a normal vector with the
group's mean and covariance, half of it shrunk towards the covariance within all groups, and the length of a trained
item of that group. So groups, correlations and lengths are those of training; nothing finer is.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from models.interface import Sizes
from models.recommendation.tup import TUP, TUPConfig

GROUPS, SHRUNK, BATCH, CHUNK = 32, 0.5, 1 << 16, 1 << 18
Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """Users (n, d), preferences and normals (P, d) of a trained model, its temperature, and the groups of its items."""

    users: Vectors
    preferences: Vectors
    normals: Vectors
    temperature: float
    means: Vectors
    factors: Vectors
    lengths: list[Vectors]
    kept: float

    @classmethod
    @torch.no_grad()
    def of(cls, model: Any, d: int) -> "Shape":
        """Read it off a preference model."""
        model = model.double()
        space, items, users = (
            model.space,
            model.item_vectors().numpy(),
            model.user_vectors(torch.arange(model.n_users)).numpy(),
        )
        d = min(d, items.shape[1])
        everything = np.concatenate([items, users])
        _, sizes, directions = np.linalg.svd(everything, full_matrices=False)
        basis = directions[:d].T
        turned = items @ basis
        group_of = _groups(turned)
        normals = space.normals.numpy() @ basis
        normals *= np.linalg.norm(space.normals.numpy(), axis=1, keepdims=True) / np.linalg.norm(
            normals, axis=1, keepdims=True
        )
        means, factors = _moments(turned, group_of)
        lengths = [np.linalg.norm(turned[group_of == k], axis=1) for k in range(len(means))]
        kept = float((sizes[:d] ** 2).sum() / (sizes**2).sum())
        return cls(
            users @ basis, space.preferences.numpy() @ basis, normals, space.temperature, means, factors, lengths, kept
        )

    def described(self) -> dict[str, Any]:
        """Give its figures, for the results."""
        d, p = self.preferences.shape[1], len(self.preferences)
        return {
            "embedding_size": d,
            "preferences": p,
            "temperature": self.temperature,
            "groups": len(self.means),
            "kept": self.kept,
        }

    def items(self, n: int, seed: int) -> NDArray[np.float32]:
        """Draw (n, d) items."""
        random, d = np.random.default_rng(seed), self.means.shape[1]
        sizes = np.array([len(lengths) for lengths in self.lengths], dtype=np.float64)
        group_of = random.choice(len(sizes), size=n, p=sizes / sizes.sum())
        found = np.empty((n, d), dtype=np.float32)
        for k, (mean, factor, lengths) in enumerate(zip(self.means, self.factors, self.lengths, strict=True)):
            rows = np.flatnonzero(group_of == k)
            for some in np.array_split(rows, max(1, len(rows) // BATCH)):
                drawn = mean + random.standard_normal((len(some), d), dtype=np.float32) @ factor.T
                wanted = random.choice(lengths, size=len(some))
                found[some] = drawn * (wanted / np.linalg.norm(drawn, axis=1))[:, None]
        return found


def model_of(shape: Shape, n_items: int, strategy: Any, norm: Any, seed: int) -> TUP:
    """Make a model of drawn items and trained users, in float64 as it is served."""
    return model_over(shape, torch.from_numpy(shape.items(n_items, seed)).to(torch.float64), strategy, norm)


def model_over(shape: Shape, items: torch.Tensor, strategy: Any, norm: Any) -> TUP:
    """Make a model of (n, d) float64 items, which may be mapped from a file, and trained users."""
    d, p = shape.preferences.shape[1], len(shape.preferences)
    config = TUPConfig(embedding_size=d, n_preferences=p, strategy=strategy, norm=norm, temperature=shape.temperature)
    model = TUP(config, Sizes(len(shape.users), 1, 0, 0, torch.full((1,), -1)), torch.Generator().manual_seed(0))
    tables = {"users": shape.users, "preferences": shape.preferences, "preference_normals": shape.normals}
    for name, table in {**{name: torch.from_numpy(table) for name, table in tables.items()}, "items": items}.items():
        setattr(model, name, torch.nn.Parameter(table.to(torch.float64), requires_grad=False))
    model.n_items = len(items)
    return model


def write_items(shape: Shape, n: int, path: Path, seed: int) -> None:
    """Draw n items into a file, as float64 rows one after the other, at most CHUNK of them in memory at a time."""
    with path.open("wb") as file:
        for k, start in enumerate(range(0, n, CHUNK)):
            file.write(shape.items(min(CHUNK, n - start), seed + k).astype(np.float64).tobytes())


def mapped_items(path: Path, n: int, d: int) -> torch.Tensor:
    """Map what `write_items` wrote; returns (n, d) float64."""
    return torch.from_file(str(path), shared=False, size=n * d, dtype=torch.float64).view(n, d)


def _groups(items: Vectors) -> NDArray[np.int64]:
    count = max(1, min(GROUPS, len(items) // 4))
    means: Any = faiss.Kmeans(items.shape[1], count, niter=20, seed=1, min_points_per_centroid=1)
    points = np.ascontiguousarray(items, dtype=np.float32)
    means.train(points)
    found: NDArray[np.int64] = means.index.search(points, 1)[1][:, 0]
    return np.unique(found, return_inverse=True)[1]


def _moments(items: Vectors, group_of: NDArray[np.int64]) -> tuple[Vectors, Vectors]:
    """Give the mean of each group and a factor F of its covariance F F', shrunk towards that within all groups."""
    n_groups = int(group_of.max()) + 1
    means = np.stack([items[group_of == k].mean(axis=0) for k in range(n_groups)])
    within = np.cov((items - means[group_of]).T)
    factors = []
    for k in range(n_groups):
        own = np.cov(items[group_of == k].T) if (group_of == k).sum() > 1 else within
        values, directions = np.linalg.eigh((1 - SHRUNK) * own + SHRUNK * within)
        factors.append(directions * np.sqrt(np.maximum(values, 0.0)))
    return means, np.stack(factors)
