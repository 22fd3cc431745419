"""The processes that train together, as torchrun started them. Without it a process is alone, and nothing is set up.

Only the first one (rank 0) writes. What it does for all (`first`) ends for all in the same way: with its result, or
with its error, which it alone tells.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, distributed
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from training.config import ConfigError
from training.shares import WHOLE, Share

T = TypeVar("T")

WAIT = timedelta(hours=2)
"""How long a process waits for the others before it gives up: more than one validation by the first one takes."""
CPU = torch.device("cpu")


class StoppedByAnotherProcess(Exception):
    """Another process that trains along has failed, and has told why."""


@dataclass(frozen=True)
class Processes:
    """This process (`rank` of `size`, `local_rank` on its machine if torchrun began it), and what it does with others.

    `restarts` counts how often torchrun began all of them anew, after one of them ended.
    """

    rank: int = 0
    size: int = 1
    local_rank: int | None = None
    restarts: int = 0

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    @property
    def share(self) -> Share:
        """What this process takes of each batch."""
        return WHOLE if self.size == 1 else Share(self.rank, self.size, self.total)

    def device(self, device: torch.device) -> torch.device:
        """Give the device of its kind that is this process's own."""
        return device if self.local_rank is None or device.type == "cpu" else torch.device(device.type, self.local_rank)

    def total(self, value: Tensor) -> Tensor:
        """Add a tensor up over all processes, without a gradient."""
        if self.size == 1:
            return value
        added = value.detach().clone()
        distributed.all_reduce(added)
        return added

    def first(self, action: Callable[[], T]) -> T:
        """Let the first process act while the others wait, and give its result (small, picklable) to all.

        Raises:
            StoppedByAnotherProcess: it failed; the first one itself raises its own error.
        """
        if self.size == 1:
            return action()
        outcome: list[Any] = [None, False]
        error: Exception | None = None
        if self.leads:
            try:
                outcome = [action(), True]
            except Exception as caught:
                error = caught
        distributed.broadcast_object_list(outcome, src=0, device=CPU)
        if error is not None:
            raise error
        if not outcome[1]:
            raise StoppedByAnotherProcess
        result: T = outcome[0]
        return result

    def together(self, action: Callable[[], T]) -> T:
        """Let every process act, and go on only if all of them could.

        Raises:
            StoppedByAnotherProcess: one could not; the first that could not raises its own error.
        """
        if self.size == 1:
            return action()
        error, result = None, None
        try:
            result = action()
        except Exception as caught:
            error = caught
        failed: list[Any] = [None] * self.size
        distributed.all_gather_object(failed, error is not None)
        if any(failed):
            raise error if error is not None and failed.index(True) == self.rank else StoppedByAnotherProcess
        return result  # type: ignore[return-value]

    def gathered(self, value: T) -> list[T]:
        """Give what every process has (picklable), by rank, to the first one; the others get nothing."""
        if self.size == 1:
            return [value]
        found: list[Any] | None = [None] * self.size if self.leads else None
        distributed.gather_object(value, found, dst=0)
        return found or []

    def copy_(self, tensor: Tensor) -> None:
        """Overwrite a tensor with that of the first process."""
        if self.size > 1:
            distributed.broadcast(tensor, src=0)


ALONE = Processes()


def launched() -> bool:
    """Tell whether torchrun started this process."""
    return distributed.is_torchelastic_launched()


def leading_error(message: str) -> Exception:
    """Make an error that all processes meet before they have joined: the first one is to tell it."""
    return ConfigError(message) if os.environ.get("RANK", "0") == "0" else StoppedByAnotherProcess()


@contextmanager
def joined_processes(device: Literal["auto", "cpu", "cuda"]) -> Iterator[Processes]:
    """Join the processes that torchrun started, for as long as the context lasts; alone without torchrun.

    Tensors meet over NCCL on GPUs and over gloo on CPUs; each process of a machine has the GPU of its local rank.

    Raises:
        ConfigError: there is no GPU for each process of this machine.
    """
    if not launched():
        yield ALONE
        return
    rank, size, local_rank = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    restarts = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu:
        _check_gpus(int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
        torch.cuda.set_device(local_rank)
    # The store outlives a restart: without names of their own, processes find the addresses of those that have ended.
    store, _, _ = next(rendezvous("env://", timeout=WAIT))
    backend, named = "cpu:gloo,cuda:nccl" if on_gpu else "gloo", PrefixStore(f"{size}-{restarts}", store)
    distributed.init_process_group(backend, store=named, rank=rank, world_size=size, timeout=WAIT)
    yield Processes(rank, size, local_rank, restarts)
    distributed.barrier()  # none takes its connections down while another one still reads from them
    distributed.destroy_process_group()  # not after an error: others may wait for this process, and it for them


def _check_gpus(local_size: int) -> None:
    if local_size > (found := torch.cuda.device_count()):
        raise ConfigError(
            f"torchrun: {local_size} processes on a machine with {found} GPUs; "
            f"use --nproc-per-node {found}, or train on the CPU with --device cpu"
        )
