"""One run of all sides: the task in a temporary folder, each side in a process of its own, one after the other."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.peers.comparison import Found
from benchmarks.peers.environments import PeerError, ensure, run
from benchmarks.peers.measuring import WARM_UP
from benchmarks.peers.task import OUR_SHARE, Settings, write_task
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset

ROOT = Path(__file__).parents[2]
OURS = "ours"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
LIST_VERSIONS = "import json, importlib.metadata as m; print(json.dumps({n: m.version(n) for n in %r}))"


@dataclass(frozen=True)
class Contest:
    """A data set directory, the peers and their environments, and the settings that are equal on all sides."""

    data: Path
    environments: Path
    python: Path
    peers: Sequence[str]
    settings: Settings

    @cached_property
    def dataset(self) -> IndexedDataset:
        """The data set as rows."""
        return IndexedDataset.of(Dataset.load(self.data))

    def measure(self, rounds: int, say: Callable[[str], None] = lambda _: None) -> Mapping[str, Sequence[Found]]:
        """Let every side measure itself `rounds` times, in turn; returns each side's findings by its name.

        Raises:
            PeerError: a side could not be installed or did not run, or the data set has too few rows to time.
        """
        self._check()
        found: dict[str, list[Found]] = {side: [] for side in (OURS, *self.peers)}
        with tempfile.TemporaryDirectory() as folder:
            write_task(Path(folder), self.dataset, self.settings)
            for number in range(rounds):
                for side in found:
                    say(f"round {number + 1} of {rounds}: {side}")
                    found[side].append(self._measure_side(side, Path(folder)))
        return found

    def versions(self) -> Mapping[str, Mapping[str, str]]:
        """Give the versions of each peer and of what it computes with."""
        asked = {peer: LIST_VERSIONS % ((peer, "torch", "numpy"),) for peer in self.peers}
        return {peer: json.loads(run([str(self._python_of(peer)), "-c", asked[peer]], peer)) for peer in self.peers}

    def _check(self) -> None:
        needed = (2 * WARM_UP + 1) * self.settings.batch_size
        for name, rows in (("interactions", self.dataset.interactions), ("triples", self.dataset.triples)):
            if len(rows["train"]) < needed:
                raise PeerError(f"{needed} training {name} are needed at this batch size, found {len(rows['train'])}")
        if len(self.dataset.triples["test"]) < OUR_SHARE * self.settings.triples:
            raise PeerError(f"{OUR_SHARE * self.settings.triples} test triples are needed; take fewer --triples")

    def _measure_side(self, side: str, folder: Path) -> Found:
        arguments = [str(self.data.absolute())] if side == OURS else []
        module = "benchmarks.peers." + ("our_side" if side == OURS else f"{side}_side")
        threads = dict.fromkeys(THREAD_VARIABLES, str(self.settings.threads))
        homes = {"PYTHONPATH": str(ROOT), "PYKEEN_HOME": str(folder), "PYSTOW_HOME": str(folder)}
        environment = {**os.environ, **threads, **homes}
        printed = run([str(self._python_of(side)), "-m", module, *arguments], side, folder, environment)
        try:
            found: Found = json.loads(printed.strip().splitlines()[-1])
        except (IndexError, ValueError):
            raise PeerError(f"{side} printed no measurements:\n{printed[-500:]}") from None
        for name, measurement in found.items():
            if min(measurement.values()) <= 0:
                raise PeerError(f"{side}: {name} was over too soon to be timed; raise --batches or --triples")
        return found

    def _python_of(self, side: str) -> Path:
        return Path(sys.executable) if side == OURS else ensure(side, self.environments.absolute(), self.python)
