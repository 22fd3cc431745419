"""Flat indexes on a GPU where there is one, and on the CPU otherwise: same results but for rounding.

GPU indexes share scratch memory and are not thread-safe, so one search runs at a time. They give at most 2,048
neighbours; a search for more goes to the CPU, where the indexes stay.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

MOST = 2048

Found = tuple[NDArray[np.float32], NDArray[np.int64]]
Search = Callable[[int, NDArray[np.float32], int], Found]
"""From the number of an index, (B, d) queries and n to (B, n) distances and rows."""


def n_gpus() -> int:
    """Count the GPUs that this build of FAISS can use."""
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


def searched_where_fastest(indexes: Sequence[Any]) -> Search:
    """Give a function that searches one of the indexes, all of them copied to a GPU where there is one."""

    def on_cpu(k: int, queries: NDArray[np.float32], n: int) -> Found:
        distances, rows = indexes[k].search(queries, n)
        return distances, rows

    if not n_gpus():
        return on_cpu
    resources, lock = faiss.StandardGpuResources(), Lock()
    copies = [faiss.index_cpu_to_gpu(resources, 0, index) for index in indexes]

    def on_gpu(k: int, queries: NDArray[np.float32], n: int) -> Found:
        if n > MOST:
            return on_cpu(k, queries, n)
        with lock:
            distances, rows = copies[k].search(queries, n)
            return distances, rows

    return on_gpu
