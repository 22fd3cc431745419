"""`python -m training suite`: systems and seeds trained and measured, for a report."""

from pathlib import Path
from typing import Annotated, Any

import typer

from training.cli_shared import (
    PRESETS_HELP,
    SETTINGS_PAGE,
    DataOption,
    DeviceOption,
    ThreadsOption,
    choose_device,
    parse_overrides,
    say,
    set_threads,
    told_plainly,
)
from training.config import ConfigError
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.suite.plan import Request, seeds_named, systems_named
from training.suite.progress import SuiteProgress
from training.suite.running import run_suite


def suite(
    data: DataOption,
    preset: Annotated[str, typer.Option(help=PRESETS_HELP)],
    folder: Annotated[Path, typer.Option("--out", help="The folder of the suite; a second call goes on in it.")],
    systems: Annotated[str, typer.Option(help="all, or names with commas between them: bprmf,ktup-soft.")] = "all",
    seeds: Annotated[str, typer.Option(help="Whole numbers with commas between them.")] = "0,1,2",
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help=f"Change a setting of every system: --set epochs=3. All of them: {SETTINGS_PAGE}."),
    ] = None,
) -> None:
    """Train and measure systems, each with every seed; what is finished in OUT is kept, what was killed goes on.

    A system is trained after those that it begins from; they are added where they are not named.
    """
    with told_plainly():
        set_threads(threads)
        request = _request(preset, systems, seeds, parse_overrides(settings or []))
        runs = sum(len(request.ordered(seed)) for seed in request.seeds)
        dataset = IndexedDataset.of(Dataset.load(data))
        with SuiteProgress(runs) as progress:
            results = run_suite(request, dataset, folder, choose_device(device), progress)
    say(f"{len(results)} results in {folder / request.preset_name}")


def _request(preset: str, systems: str, seeds: str, overrides: dict[str, Any]) -> Request:
    if "seed" in overrides:
        raise ConfigError(f"--set seed={overrides['seed']}: a suite takes its seeds from --seeds")
    names = systems_named(systems)
    if not names:
        raise ConfigError(f"--systems {systems}: expected all, or names with commas between them")
    try:
        return Request(preset, names, seeds_named(seeds), overrides)
    except ValueError:
        raise ConfigError(f"--seeds {seeds}: expected whole numbers from 0 with commas between, as in 0,1,2") from None
