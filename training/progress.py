"""How a run looks in a terminal: a bar for the epoch, a line of losses and metrics after each."""

from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

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

    def step(self, epoch: int, done: int, of: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=done, total=of, epoch=epoch)

    def epoch(self, record: dict[str, Any]) -> None:
        """Print an epoch's line: losses of both tasks, metrics in percent, a star for a new best."""
        self._console.print(describe(record), highlight=False, soft_wrap=True)


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
