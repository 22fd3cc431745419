"""What the commands have in common: options, and errors of people as one message and exit code 2."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import torch
import typer
from polars.exceptions import PolarsError
from rich.console import Console
from safetensors import SafetensorError

from models.checkpoint import CheckpointError
from training.config import ConfigError, preset_names
from training.data.errors import DatasetError
from training.distributed.processes import StoppedByAnotherProcess
from training.release import ReleaseError
from training.reports.results import ReportError
from training.run_state import ResumeError
from training.suite.errors import SuiteError
from training.trainer import NotFinite
from training.warm_start import WarmStartError

errors = Console(stderr=True)
out = Console()

EXPECTED = (
    *(ConfigError, DatasetError, CheckpointError, ReleaseError, ResumeError, WarmStartError),
    *(NotFinite, FloatingPointError, SuiteError, ReportError),
)
PRESETS_HELP = f"{', '.join(preset_names())}, or a TOML file (`ml1m` is short for `ml1m-best`)."
SETTINGS_PAGE = "docs/reference/training-settings.md"
TAKE_MEMORY = ("batch_size", "negatives", "model.embedding_size")
DeviceName = Literal["auto", "cpu", "cuda"]
DataOption = Annotated[Path, typer.Option("--data", help="A data set directory, as `convert` writes it.")]
DeviceOption = Annotated[DeviceName, typer.Option(help="auto takes CUDA where there is one.")]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="CPU threads for torch; its own choice if left out.")]


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn the errors that people can cause into one message and exit code 2."""
    try:
        yield
    except StoppedByAnotherProcess:
        raise typer.Exit(2) from None
    except EXPECTED as error:
        _fail(str(error))
    except (SafetensorError, PolarsError) as error:
        # Files that cannot be read are told as what they are part of: this one could not be written.
        if "os error" not in str(error):
            raise
        _fail(f"the result cannot be written: {error}")
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
        what = f": {str(error).splitlines()[0]}" if str(error) else ""
        _fail(f"memory is not enough{what}; a training takes less with a smaller {', '.join(TAKE_MEMORY)}")
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _is_of_memory(error: Exception) -> bool:
    """Whether memory ran out; torch has an error of its own for that on GPUs alone."""
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or any(words in str(error) for words in ("allocate memory", "Storage size"))


def _fail(message: str) -> NoReturn:
    errors.print(f"error: {message}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2) from None


def say(line: str) -> None:
    """Print a line as it is: no markup, no wrapping."""
    out.print(line, markup=False, highlight=False, soft_wrap=True)


def set_threads(threads: int | None) -> None:
    """Give torch a number of CPU threads; None leaves its own choice."""
    if threads is not None:
        torch.set_num_threads(threads)


def choose_device(name: DeviceName) -> torch.device:
    """Give the device that a name means here.

    Raises:
        ConfigError: CUDA was asked for and is not there.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: this machine has no CUDA device; use auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def parse_overrides(settings: list[str]) -> dict[str, Any]:
    """Read `name=value` settings; a value is JSON where it can be, else text.

    >>> parse_overrides(["epochs=3", "model.norm=l1"])
    {'epochs': 3, 'model.norm': 'l1'}
    """
    values: dict[str, Any] = {}
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign or not name:
            raise ConfigError(f"--set {setting}: expected name=value, as in --set epochs=3")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values
