"""Hyperplane projection and the two distances, on pairs and on whole grids.

    x_perp = x - (w . x) w                         projection on the hyperplane with normal w
    |x|_1 = sum |x_j|,   |x|_2^2 = sum x_j^2       the paper's L1, and squared L2

`w` is used as it is: only where it has unit length is the first line a true projection (TransH, eq. (3) of
Cao et al., WWW 2019). A mean of unit normals has not; every formula below stays exact for any w.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

Norm = Literal["l1", "l2"]
"""L1, or squared L2 (named `l2` for short)."""

GRID_ELEMENTS = 1 << 22
"""Most numbers that one temporary of a grid may hold: 16 MiB in float32, below where allocators map fresh pages."""

PIECE_ELEMENTS = 1 << 18
"""The same for grids that go through d numbers a pair: a MiB in float32, which stays in a core's cache.

Pieces of 16 MiB each are as many holes that an allocator may not fill again: one run in two held half a GiB more.
"""


def rows_of(table: Tensor, rows: Tensor) -> Tensor:
    """Gather (..., d) rows of an (n, d) table; IndexError outside 0..n-1, negative rows included."""
    if table.requires_grad and table.device.type == "cpu" and table.dim() == 2 and torch.is_grad_enabled():
        gathered: Tensor = _Gather.apply(table, rows)  # type: ignore[no-untyped-call]
        return gathered
    return functional.embedding(rows, table)


class _Gather(torch.autograd.Function):
    """`functional.embedding` on the CPU: `index_add_` sums the gradients in a third of the time, in the same order."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.shape = table.shape
        return functional.embedding(rows, table)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        (rows,) = ctx.saved_tensors
        gradient = upstream.new_zeros(ctx.shape)
        return gradient.index_add_(0, rows.reshape(-1), upstream.reshape(-1, ctx.shape[1])), None


def project(x: Tensor, normal: Tensor) -> Tensor:
    """Project (..., d) vectors: x - (w . x) w."""
    return x - (normal * x).sum(-1, keepdim=True) * normal


def length(difference: Tensor, norm: Norm) -> Tensor:
    """Measure (..., d) differences by L1 or squared L2; returns (...)."""
    return difference.abs().sum(-1) if norm == "l1" else difference.square().sum(-1)


def translated_length(delta: Tensor, translation: Tensor, normal: Tensor, norm: Norm) -> Tensor:
    """Measure | x - (w . x) w + p | for (B, d) differences x, translations p and normals w; returns (B,).

    Autograd would keep and walk through some ten (B, d) tensors; the backward pass here, worked out by hand, has four.
    """
    measured: Tensor = _TranslatedLength.apply(delta, translation, normal, norm)  # type: ignore[no-untyped-call]
    return measured


class _TranslatedLength(torch.autograd.Function):
    """With y = x - (w . x) w + p and D = d|y|/dy:  dx = D - (w . D) w,  dp = D,  dw = -(w . x) D - (w . D) x."""

    @staticmethod
    def forward(ctx: Any, delta: Tensor, translation: Tensor, normal: Tensor, norm: Norm) -> Tensor:
        along = (normal * delta).sum(-1, keepdim=True)
        rest = (delta + translation).addcmul_(normal, along, value=-1.0)
        ctx.save_for_backward(delta, normal, along, rest)
        ctx.norm = norm
        return rest.abs().sum(-1) if norm == "l1" else (rest * rest).sum(-1)  # `square` takes twice as long

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        delta, normal, along, rest = ctx.saved_tensors
        scale = upstream.unsqueeze(-1)
        outer = rest.sign().mul_(scale) if ctx.norm == "l1" else rest * (2.0 * scale)
        on_normal = (normal * outer).sum(-1, keepdim=True)
        d_normal = (delta * on_normal).addcmul_(outer, along).neg_()
        return torch.addcmul(outer, normal, on_normal, value=-1.0), outer, d_normal, None


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
    L1 has no such expansion and walks through the points in pieces of at most PIECE_ELEMENTS numbers.
    """
    along = rows_of(normals @ points.T, rows) if norm == "l2" else None
    normals = rows_of(normals, rows)
    if along is not None:
        on_targets = (normals * targets).sum(-1, keepdim=True)
        lengths = normals.square().sum(-1, keepdim=True)
        squares = targets.square().sum(-1, keepdim=True) + points.square().sum(-1)
        plain = torch.addmm(squares, targets, points.T, alpha=-2.0)
        return (plain + along * (2.0 * on_targets - (2.0 - lengths) * along)).clamp_min(0.0)
    size = max(1, PIECE_ELEMENTS // max(1, targets.numel()))
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
    table.div_((_lengths_(table) / radius).clamp_min(1.0))


def keep_on_unit_sphere_(table: Tensor) -> None:
    """Give every row of an (n, d) table length 1, in place; a zero row stays zero."""
    table.div_(_lengths_(table).clamp_min(1e-12))


def _lengths_(table: Tensor) -> Tensor:
    """Give the (n, 1) lengths of rows; where a square overflows, rows beyond 1e18 are brought to a largest number of 1.

    The CPU looks first whether any does. On a GPU that look would wait for all that was asked of it.
    """
    lengths: Tensor = table.norm(dim=-1, keepdim=True)
    if table.numel() and (table.device.type != "cpu" or not bool(lengths.max() < float("inf"))):
        largest = table.abs().amax(dim=-1, keepdim=True)
        table.div_(torch.where(largest > 1e18, largest, 1.0))
        lengths = table.norm(dim=-1, keepdim=True)
    return lengths


_undrawn: ContextVar[bool] = ContextVar("undrawn", default=False)


@contextmanager
def undrawn() -> Iterator[None]:
    """Leave what is initialised within as it comes: stored numbers take its place, and no page of it is touched."""
    token = _undrawn.set(True)
    try:
        yield
    finally:
        _undrawn.reset(token)


def unit_rows(n: int, d: int, generator: torch.Generator) -> Tensor:
    """Draw (n, d) rows of length 1: Xavier uniform, then normalised, as in the paper's own code."""
    if _undrawn.get():
        return torch.empty(n, d)
    bound = (6.0 / (n + d)) ** 0.5
    table = torch.empty(n, d).uniform_(-bound, bound, generator=generator)
    keep_on_unit_sphere_(table)
    return table
