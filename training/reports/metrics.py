"""The metrics of tables: how each is called, spelt and read off a result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from training.reports.markdown import number, with_spread
from training.reports.statistics import OverSeeds, over_seeds
from training.suite.result import RunResult

Task = Literal["recommendation", "completion"]


@dataclass(frozen=True)
class Metric:
    """A metric by its name in results; shares are shown in percent."""

    task: Task
    name: str
    title: str
    share: bool = True
    higher_is_better: bool = True

    @property
    def decimals(self) -> int:
        """Places after the point: two for percent; one for a mean rank."""
        return 2 if self.share else 1

    @property
    def scale(self) -> float:
        """What a value in a result is multiplied with to be shown."""
        return 100.0 if self.share else 1.0

    def of(self, run: RunResult) -> float | None:
        """Give the shown value of the test split, or None where the system has not this task."""
        values: Mapping[str, float] | None = getattr(run.test, self.task)
        return None if values is None else self.scale * values[self.name]

    def over(self, runs: Sequence[RunResult]) -> OverSeeds | None:
        """Average over runs that have it; None where none has."""
        values = [value for run in runs if (value := self.of(run)) is not None]
        return over_seeds(values) if values else None

    def spelt(self, value: OverSeeds, signed: bool = False) -> str:
        """Spell a mean and its spread."""
        return with_spread(value, self.decimals, signed)

    def spelt_one(self, value: float, signed: bool = False) -> str:
        """Spell a single value."""
        return number(value, self.decimals, signed)


RECOMMENDATION = (
    Metric("recommendation", "precision", "Precision"),
    Metric("recommendation", "recall", "Recall"),
    Metric("recommendation", "f1", "F1"),
    Metric("recommendation", "hit", "Hit"),
    Metric("recommendation", "ndcg", "NDCG"),
)
HITS = Metric("completion", "hits", "Hits@10")
MEAN_RANK = Metric("completion", "mean_rank", "Mean rank", share=False, higher_is_better=False)
MRR = Metric("completion", "mrr", "MRR")
COMPLETION = (HITS, MEAN_RANK, MRR)
