"""How a run looks: in a terminal a bar and a line of losses and metrics for each epoch; in a file, to others."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from models.durable import replace_text

SHOWN = ("f1", "ndcg", "recall", "hit", "hits", "mrr")


class RichObserver:
    """Shows a run on the terminal (standard error); a plain line for each epoch where there is no terminal."""

    def __init__(self, epochs: int, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]:>3}/" + str(epochs)),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} steps"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task("training", epoch=1, total=None)

    def __enter__(self) -> Self:
        if self._console.is_interactive:  # elsewhere the bar would leave an empty line at its end
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_interactive:
            self._progress.stop()

    def resumed(self, history: list[dict[str, Any]]) -> None:
        """Say after which epoch the run goes on."""
        self._console.print(f"goes on after epoch {len(history)}", highlight=False)

    def step(self, epoch: int, done: int, of: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=done, total=of, epoch=epoch)

    def epoch(self, record: dict[str, Any]) -> None:
        """Print an epoch's line: losses of both tasks, metrics in percent, a star for a new best."""
        self._console.print(describe(record), highlight=False, soft_wrap=True)


class Silent:
    """Watches a run without a word, where another process tells of it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was shown."""

    def resumed(self, history: list[dict[str, Any]]) -> None:
        """Say nothing of a resumed run."""

    def step(self, epoch: int, done: int, of: int) -> None:
        """Say nothing of steps."""

    def epoch(self, record: dict[str, Any]) -> None:
        """Say nothing of epochs."""


class Stages:
    """Shows the stages of a task on the terminal: which one it is, of how many, and since when.

    A stage that tells how far it is, as in "sorting: 3 of 9", stays one stage: what stands before the colon names it.
    """

    def __init__(self, of: int, console: Console | None = None) -> None:
        self._seen: list[str] = []
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console or Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=of)

    def __enter__(self) -> Self:
        if self._progress.console.is_interactive:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress.console.is_interactive:
            self._progress.stop()

    @property
    def done(self) -> int:
        """How many stages are over."""
        return int(self._progress.tasks[0].completed)

    def tell(self, text: str) -> None:
        """Begin a stage, or tell how far the present one is."""
        name = text.partition(":")[0]
        if name not in self._seen:
            self._seen.append(name)
        done, of = len(self._seen) - 1, self._progress.tasks[0].total or 0
        self._progress.update(self._task, description=text, completed=done, total=max(of, done + 1))


class FileObserver:
    """Writes how far a run is to a JSON file, for whoever watches from another process.

        {"epochs": 60, "epoch": 3, "step": 17, "steps": 89, "history": [{"epoch": 1, …}, {"epoch": 2, …}]}

    The file is replaced in one step: after each epoch, and within one at most once in `every_seconds`. A resumed run
    begins with the epochs of its state, not with those of a file that stands there: a kill between the two may have
    left it an epoch behind.
    """

    def __init__(
        self, path: Path, epochs: int, every_seconds: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._every_seconds = every_seconds
        self._clock = clock
        self._written_at = float("-inf")
        self._history: list[dict[str, Any]] = []
        self._values: dict[str, Any] = {"epochs": epochs, "epoch": 0, "step": 0, "steps": None}

    def resumed(self, history: list[dict[str, Any]]) -> None:
        """Note the epochs that were over before, and write."""
        self._values["epoch"] = len(history)
        self._history = list(history)
        self._write()

    def step(self, epoch: int, done: int, of: int) -> None:
        """Note a step; write it if the last writing was long enough ago."""
        self._values |= {"epoch": epoch, "step": done, "steps": of}
        if self._clock() - self._written_at >= self._every_seconds:
            self._write()

    def epoch(self, record: dict[str, Any]) -> None:
        """Note an epoch, and write."""
        self._history.append(record)
        self._write()

    def _write(self) -> None:
        self._written_at = self._clock()
        replace_text(self._path, json.dumps(self._values | {"history": self._history}))


class Observers:
    """Several who watch the same run."""

    def __init__(self, *observers: Any) -> None:
        self._observers = observers

    def resumed(self, history: list[dict[str, Any]]) -> None:
        """Tell each that the run goes on."""
        for observer in self._observers:
            observer.resumed(history)

    def step(self, epoch: int, done: int, of: int) -> None:
        """Tell each of a step."""
        for observer in self._observers:
            observer.step(epoch, done, of)

    def epoch(self, record: dict[str, Any]) -> None:
        """Tell each of an epoch."""
        for observer in self._observers:
            observer.epoch(record)


def describe(record: dict[str, Any]) -> str:
    """Put an epoch in one line.

    >>> describe({"epoch": 2, "seconds": 1.25, "completion_loss": 0.5, "valid": {"hits": 0.25}, "best": True})
    'epoch   2   1.2 s  loss: completion 0.5000  valid %: hits 25.00 *'
    """
    losses = [f"{k.removesuffix('_loss')} {v:.4f}" for k, v in record.items() if k.endswith("_loss")]
    line = f"epoch {record['epoch']:>3} {record['seconds']:>5.1f} s  loss: {', '.join(losses)}"
    metrics = record.get("valid", {})
    if metrics:
        line += "  valid %: " + ", ".join(f"{name} {100 * metrics[name]:.2f}" for name in SHOWN if name in metrics)
    return line + (" *" if record.get("best") else "")
