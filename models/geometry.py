"""Hyperplane projection and the two distances, on pairs and on whole grids.

    x_perp = x - (w . x) w                         projection on the hyperplane with normal w
    |x|_1 = sum |x_j|,   |x|_2^2 = sum x_j^2       the paper's L1, and squared L2

`w` is used as it is: only where it has unit length is the first line a true projection (TransH, eq. (3) of
Cao et al., WWW 2019). A mean of unit normals has not; every formula below stays exact for any w.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Norm = Literal["l1", "l2"]
"""L1, or squared L2 (named `l2` for short)."""

GRID_ELEMENTS = 1 << 22
"""Most numbers that one temporary of a grid may hold: 16 MiB in float32, below where allocators map fresh pages."""


def rows_of(table: Tensor, rows: Tensor) -> Tensor:
    """Gather (..., d) rows of an (n, d) table; IndexError outside 0..n-1, negative rows included."""
    return functional.embedding(rows, table)


def project(x: Tensor, normal: Tensor) -> Tensor:
    """Project (..., d) vectors: x - (w . x) w."""
    return x - (normal * x).sum(-1, keepdim=True) * normal


def length(difference: Tensor, norm: Norm) -> Tensor:
    """Measure (..., d) differences by L1 or squared L2; returns (...)."""
    return difference.abs().sum(-1) if norm == "l1" else difference.square().sum(-1)


def distances(targets: Tensor, points: Tensor, norm: Norm) -> Tensor:
    """Measure every (B, d) target against every (n, d) point: |t - x|; returns (B, n), memory B x n."""
    if norm == "l1":
        return torch.cdist(targets, points, p=1.0)
    squares = targets.square().sum(-1, keepdim=True) + points.square().sum(-1)
    return torch.addmm(squares, targets, points.T, alpha=-2.0).clamp_min(0.0)


def hyperplane_distances(targets: Tensor, normals: Tensor, rows: Tensor, points: Tensor, norm: Norm) -> Tensor:
    """Measure every (B, d) target against every (n, d) point projected on that target's hyperplane.

    |t - (x - (w . x) w)| where w is the row of `normals` (R, d) that `rows` (B,) names; returns (B, n).

    With squared L2 this expands to |t|^2 + |x|^2 - 2 t.x + 2 (w.x)(w.t) - (2 - |w|^2) (w.x)^2: memory B x n,
    and w.x is a product for each of the R normals, not for each row.
    L1 has no such expansion and walks through the points in pieces of at most GRID_ELEMENTS numbers.
    """
    along = rows_of(normals @ points.T, rows) if norm == "l2" else None
    normals = rows_of(normals, rows)
    if along is not None:
        on_targets = (normals * targets).sum(-1, keepdim=True)
        lengths = normals.square().sum(-1, keepdim=True)
        squares = targets.square().sum(-1, keepdim=True) + points.square().sum(-1)
        plain = torch.addmm(squares, targets, points.T, alpha=-2.0)
        return (plain + along * (2.0 * on_targets - (2.0 - lengths) * along)).clamp_min(0.0)
    size = max(1, GRID_ELEMENTS // max(1, targets.numel()))
    # Written in place: small results left between large temporaries would keep the allocator from reusing those.
    found = targets.new_empty(len(targets), len(points))
    for start in range(0, len(points), size):
        piece = project(points[start : start + size].unsqueeze(0), normals.unsqueeze(1))
        found[:, start : start + size] = length(targets.unsqueeze(1) - piece, norm)
    return found


def keep_in_unit_ball_(table: Tensor) -> None:
    """Shorten the rows of an (n, d) table that are longer than 1, in place; a row that is not finite stays so."""
    keep_in_ball_(table, 1.0)


def keep_in_ball_(table: Tensor, radius: float) -> None:
    """Shorten the rows of an (n, d) table that are longer than `radius`, in place."""
    _scale_down_(table)
    table.div_((table.norm(dim=-1, keepdim=True) / radius).clamp_min(1.0))


def keep_on_unit_sphere_(table: Tensor) -> None:
    """Give every row of an (n, d) table length 1, in place; a zero row stays zero."""
    _scale_down_(table)
    table.div_(table.norm(dim=-1, keepdim=True).clamp_min(1e-12))


def _scale_down_(table: Tensor) -> None:
    """Bring rows so long that their squared length overflows (beyond 1e18) to a largest number of 1."""
    largest = table.abs().amax(dim=-1, keepdim=True) if table.numel() else table
    if bool((largest > 1e18).any()):
        table.div_(torch.where(largest > 1e18, largest, 1.0))


def unit_rows(n: int, d: int, generator: torch.Generator) -> Tensor:
    """Draw (n, d) rows of length 1: Xavier uniform, then normalised, as in the paper's own code."""
    bound = (6.0 / (n + d)) ** 0.5
    table = torch.empty(n, d).uniform_(-bound, bound, generator=generator)
    keep_on_unit_sphere_(table)
    return table
