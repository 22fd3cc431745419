"""How a suite looks in a terminal: a bar for the whole, one for the run at hand, a line for each epoch and system."""

from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from training.progress import describe


class SuiteProgress:
    """Shows a suite on the terminal (standard error); plain lines alone where there is no terminal."""

    def __init__(self, runs: int, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True)
        self._suite = self._progress.add_task("suite", total=runs)
        self._run = self._progress.add_task("", total=None, visible=False)
        self._name, self._epochs = "", 0

    def __enter__(self) -> Self:
        if self._console.is_interactive:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_interactive:
            self._progress.stop()

    def begin(self, name: str, epochs: int, resumed: bool) -> None:
        """Tell that the training of a run begins, or goes on."""
        self._name, self._epochs = name, epochs
        self._print(f"{name}: {'resumed' if resumed else 'training'}")
        self._progress.reset(self._run, description=name, total=None, visible=True)

    def step(self, epoch: int, done: int, of: int) -> None:
        """Move the run's bar."""
        label = f"{self._name}, epoch {epoch}/{self._epochs}"
        self._progress.update(self._run, description=label, completed=done, total=of)

    def epoch(self, record: dict[str, Any]) -> None:
        """Print an epoch's line."""
        self._print(f"  {describe(record)}")

    def measuring(self, name: str) -> None:
        """Tell that a trained system is measured."""
        self._print(f"{name}: measuring on validation and test")
        self._progress.reset(self._run, description=f"{name}, measuring", total=None, visible=True)

    def finished(self, name: str, what: str) -> None:
        """Tell that a run is done, or was done before, and how it came out."""
        self._print(f"{name}: {what}")
        self._progress.update(self._run, visible=False)
        self._progress.advance(self._suite)

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
