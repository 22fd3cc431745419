"""Measuring a model on the rows of validation while it learns, by all processes that hold some of them."""

from collections.abc import Sequence
from typing import Any

import torch

from training.config import ConfigError, TrainingConfig
from training.data.batches import sample
from training.data.indexed import IndexedDataset
from training.distributed.held import HeldShards
from training.evaluation.completion import evaluate_completion
from training.evaluation.protocol import PROTOCOLS
from training.evaluation.recommendation import RecommendationResult, evaluate_recommendation
from training.selection import needs

Tasks = tuple[bool, bool]
"""Whether a model recommends, and whether it completes the graph."""


class Validation:
    """What validation holds, for one run, and how a model does on it."""

    def __init__(
        self,
        config: TrainingConfig,
        dataset: IndexedDataset,
        tasks: Tasks,
        device: torch.device,
        held: HeldShards | None,
    ) -> None:
        """`device` is where models are measured; `held` are this process's shards, where data lie in such.

        Raises:
            ConfigError: the metric by which an epoch is chosen is of a task that the model does not have.
        """
        self._config, self._dataset, self._tasks = config, dataset, tasks
        self._device, self._held = device, held
        self._protocol = PROTOCOLS[config.protocol]
        self._triples = sample(dataset.triples["valid"], config.validation.triples, config.seed)
        metric = config.validation.metric
        if any(needed and not has for needed, has in zip(needs(metric), tasks, strict=True)):
            raise ConfigError(f"validation.metric: {config.model_name} cannot be chosen by {metric!r}")

    @property
    def is_possible(self) -> bool:
        """Whether there are the rows that the chosen metric needs; a refit has learnt them."""
        if self._config.refit:
            return False
        held, own = self._held, len(self._dataset.interactions["valid"])
        rows = own if held is None else held.validated, len(self._triples)
        return all(n for needed, n in zip(needs(self._config.validation.metric), rows, strict=True) if needed)

    @property
    def is_shared(self) -> bool:
        """Whether every process ranks for the users that it holds, and so needs a whole model."""
        return self._held is not None and self._held.apart

    def ranked(self, model: Any) -> RecommendationResult | None:
        """Rank for the users that are here, if there are any to validate.

        Raises:
            FloatingPointError: a score is not a number.
        """
        if not self._tasks[0] or not len(self._dataset.interactions["valid"]):
            return None
        model.eval()
        top_n = self._config.validation.top_n
        return evaluate_recommendation(model, self._dataset, "valid", self._protocol, top_n, self._device)

    def measured(self, model: Any, ranked: Sequence[RecommendationResult | None]) -> dict[str, float]:
        """Give all metrics of a whole model, by what all processes have `ranked`. One process does this for all.

        Raises:
            FloatingPointError: a score is not a number.
        """
        model.eval()
        results = [result for result in ranked if result is not None]
        metrics = dict(RecommendationResult.joined(results).means()) if results else {}
        if self._tasks[1] and len(self._triples):
            ranks = evaluate_completion(model, self._triples, self._dataset.settled, self._device)
            metrics |= ranks.means(self._config.validation.top_n, self._protocol.first_rank)
        return metrics
