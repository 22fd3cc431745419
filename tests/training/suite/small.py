"""A suite that takes seconds: the planted world, tiny models, and the paper's warm starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.training import planted
from training.data.indexed import IndexedDataset
from training.suite.plan import Request
from training.suite.progress import SuiteProgress
from training.suite.result import RunResult
from training.suite.running import run_suite

PRESET = """
protocol = "paper"
epochs = 2
batch_size = 64
model = { name = "ktup-soft", embedding_size = 8, norm = "l2", combine = "mean" }
recommendation = { negatives = 16 }
completion = { batch_size = 32, negatives = 16 }
optimiser = { learning_rate = 0.05 }
validation = { top_n = 3 }

[systems.transe]
"validation.metric" = "hits"

[systems.transh]
"validation.metric" = "hits"
warm_starts = ["transe"]

[systems.tup-soft]
"model.n_preferences" = 2
warm_starts = ["bprmf"]

[systems.ktup-soft]
warm_starts = ["tup-soft", "transh"]
"""
SYSTEMS = ("ktup-soft",)
ORDER = ["bprmf", "tup-soft", "transe", "transh", "ktup-soft"]


def write_preset(folder: Path, name: str = "small") -> Path:
    """Write the preset; gives its path."""
    path = folder / f"{name}.toml"
    path.write_text(PRESET, encoding="utf-8")
    return path


def request(
    preset: Path,
    systems: tuple[str, ...] = SYSTEMS,
    seeds: tuple[int, ...] = (0,),
    overrides: Mapping[str, Any] | None = None,
) -> Request:
    return Request(str(preset), systems, seeds, overrides or {})


class Watching(SuiteProgress):
    """Keeps what it is told, and shows nothing."""

    def __init__(self) -> None:
        super().__init__(1)
        self.told: list[str] = []

    def _print(self, line: str) -> None:
        self.told.append(line)

    def trained(self) -> list[str]:
        """The runs whose training began."""
        return [line for line in self.told if line.endswith((": training", ": resumed"))]


def run(
    asked: Request, data: IndexedDataset, folder: Path, progress: SuiteProgress | None = None
) -> Mapping[str, RunResult]:
    """Run a suite of one seed; gives its results by system."""
    results = run_suite(asked, data, folder, planted.CPU, progress or Watching())
    return {result.system: result for result in results}
