"""The suite: for each seed and system, train what is missing, then measure. A killed suite goes on where it stood.

SUITE/<preset>/<system>/seed-<n>/run/           state, history, checkpoint, as `train` leaves them
                                 seconds.json   wall seconds of training so far
                                 result.json    users.npz
"""

import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models.checkpoint import load_checkpoint
from models.durable import replace_text
from training.data.indexed import IndexedDataset
from training.evaluation.protocol import PROTOCOLS
from training.presets import SystemRecipe
from training.run_state import CHECKPOINT, HISTORY, STATE
from training.suite.finished import check_finished, result_of, weights_of
from training.suite.measuring import TOP_N, measure
from training.suite.plan import Request, commands
from training.suite.progress import SuiteProgress
from training.suite.result import DatasetName, Machine, RunResult, write_result
from training.trainer import train

RUN, SECONDS = "run", "seconds.json"


def folder_of(suite: Path, preset_name: str, system: str, seed: int) -> Path:
    """Give the folder of one system and seed."""
    return suite / preset_name / system / f"seed-{seed}"


def run_suite(
    request: Request, dataset: IndexedDataset, suite: Path, device: torch.device, progress: SuiteProgress
) -> list[RunResult]:
    """Train and measure what is asked for, and what it begins from; give all results, seed by seed.

    Every finished run is held against the request before anything is trained.

    Raises:
        ConfigError: no such preset or system, or a bad setting.
        SuiteError: a finished run in the folder was made with other settings.
        ResumeError: an unfinished run in the folder was made with other settings.
    """
    jobs = [
        _Job(request, recipe, seed, dataset, suite, device)
        for seed in request.seeds
        for recipe in request.ordered(seed)
    ]
    for job in jobs:
        job.check()
    return [job.result(progress) for job in jobs]


@dataclass(frozen=True)
class _Job:
    """One system with one seed."""

    request: Request
    recipe: SystemRecipe
    seed: int
    dataset: IndexedDataset
    suite: Path
    device: torch.device

    @property
    def name(self) -> str:
        return f"{self.recipe.name}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        return self._folder(self.recipe.name)

    @property
    def checkpoint(self) -> Path:
        return self.folder / RUN / CHECKPOINT

    @property
    def sources(self) -> list[Path]:
        return [self._folder(source) / RUN / CHECKPOINT for source in self.recipe.warm_starts]

    def _folder(self, system: str) -> Path:
        return folder_of(self.suite, self.request.preset_name, system, self.seed)

    def check(self) -> None:
        """Refuse a finished run that is not the one asked for; sources that are still to come cannot be compared."""
        if self.checkpoint.exists() and all(source.exists() for source in self.sources):
            check_finished(self.checkpoint, self.recipe.config, self.dataset, self.sources)

    def result(self, progress: SuiteProgress) -> RunResult:
        if not self.checkpoint.exists():
            self._train(progress)
        manifest = check_finished(self.checkpoint, self.recipe.config, self.dataset, self.sources)
        result = result_of(self.folder, self.request.preset_name, weights_of(self.checkpoint))
        if result is not None:
            progress.finished(self.name, f"stands already; {_spelt(result)}")
            return result
        progress.measuring(self.name)
        result = self._measure(manifest)
        progress.finished(self.name, _spelt(result))
        return result

    def _train(self, progress: SuiteProgress) -> None:
        run = self.folder / RUN
        resume = (run / STATE).is_file()
        progress.begin(self.name, self.recipe.config.epochs, resume)
        watch = _Watch(self.folder / SECONDS, progress, resume)
        train(self.recipe.config, self.dataset, run, self.device, watch, resume, self.sources)
        watch.save()

    def _measure(self, manifest: Mapping[str, Any]) -> RunResult:
        started = time.perf_counter()
        config, history = self.recipe.config, json.loads((self.folder / RUN / HISTORY).read_text(encoding="utf-8"))
        model, protocol = load_checkpoint(self.checkpoint, self.device).model, PROTOCOLS[config.protocol]
        valid, _ = measure(model, self.dataset, "valid", protocol, self.device)
        test, users = measure(model, self.dataset, "test", protocol, self.device)
        threads, device = torch.get_num_threads(), self.device.type
        result = RunResult(
            system=self.recipe.name,
            seed=self.seed,
            protocol=config.protocol,
            preset=self.request.preset_name,
            top_n=TOP_N,
            dataset=DatasetName(name=self.dataset.name, content_hash=self.dataset.content_hash),
            settings=config.model_dump(mode="json"),
            warm_starts=self.recipe.warm_starts,
            weights=weights_of(self.checkpoint),
            commands=commands(self.request, self.recipe.name, self.seed, threads, device),
            selected_on=manifest["selected_on"],
            best_epoch=manifest["epoch"],
            epochs_run=len(history),
            training_seconds=_seconds(self.folder / SECONDS),
            evaluation_seconds=time.perf_counter() - started,
            threads=threads,
            machine=_machine(device),
            valid=valid,
            test=test,
            history=tuple(history),
        )
        write_result(self.folder, result, users)
        return result


class _Watch:
    """Counts the wall seconds of a run over all its processes; what a killed epoch took is lost, as the epoch is."""

    def __init__(self, path: Path, progress: SuiteProgress, resume: bool) -> None:
        self._path, self._progress = path, progress
        self._before = _seconds(path) if resume else 0.0
        self._started = time.perf_counter()

    def resumed(self, history: list[dict[str, Any]]) -> None:
        """Say nothing more: the suite has told that the run goes on."""

    def step(self, epoch: int, done: int, of: int) -> None:
        self._progress.step(epoch, done, of)

    def epoch(self, record: dict[str, Any]) -> None:
        self._progress.epoch(record)
        self.save()

    def save(self) -> None:
        replace_text(self._path, json.dumps({"training": self._before + time.perf_counter() - self._started}))


def _seconds(path: Path) -> float:
    return float(json.loads(path.read_text())["training"]) if path.is_file() else 0.0


def _machine(device: str) -> Machine:
    """Name the machine; of the CPUs, those that this process may use."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    name = torch.cuda.get_device_name() if device == "cuda" else device
    return Machine(
        platform=platform.platform(), cpus=cpus, python=platform.python_version(), torch=torch.__version__, device=name
    )


def _spelt(result: RunResult) -> str:
    """Put a result in a few words: test figures in percent, seconds.

    For example: test F1 6.71, NDCG 27.60, Hits 60.75, mean rank 499; best epoch 12 of 17, 310 s.
    """
    parts = []
    if result.test.recommendation is not None:
        parts += [f"{name} {100 * result.test.recommendation[name.lower()]:.2f}" for name in ("F1", "NDCG")]
    if result.test.completion is not None:
        hits, rank = result.test.completion["hits"], result.test.completion["mean_rank"]
        parts += [f"Hits {100 * hits:.2f}, mean rank {rank:.0f}"]
    epochs = f"best epoch {result.best_epoch} of {result.epochs_run}, {result.training_seconds:.0f} s"
    return f"test {', '.join(parts)}; {epochs}"
