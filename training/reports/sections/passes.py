"""How much of the graph each run had seen at its best epoch: what a joint model pays for having two tasks."""

from statistics import mean

import polars as pl

from training.config import TrainingConfig
from training.data.batches import planned
from training.data.dataset import Dataset
from training.reports.markdown import listed
from training.reports.published import name_of
from training.reports.results import Results
from training.suite.result import RunResult


def passes_section(results: Results, dataset: Dataset) -> str:
    """Tell for each system that completes the mean number of passes over the triples, and by what it was chosen."""
    told = []
    for system, runs in results.runs.items():
        if all(run.test.completion is not None for run in runs):
            passes = mean(passes_over_triples(run, dataset) for run in runs)
            told.append(f"{name_of(system)} {passes:.1f} (chosen by {runs[0].selected_on})")
    if not told:
        return ""
    return (
        "A joint model shares each second and each vector between two tasks, and its best epoch may be chosen by one "
        "of them. Passes over the training triples up to the best epoch, without those of what a run began from: "
        f"{listed(told)}."
    )


def passes_over_triples(run: RunResult, dataset: Dataset) -> float:
    """Count the passes over the training triples up to the best epoch of one run.

    An epoch of a joint model is a pass over the interactions (listwise: over the users who have any); its steps take
    as many triples as they have room for, however many there are.
    """
    if run.test.recommendation is None:
        return float(run.best_epoch)
    config = TrainingConfig.model_validate(run.settings)
    interactions = dataset.interactions.filter(pl.col("split") == "train")
    rows = interactions["user_id"].n_unique() if config.recommendation.loss == "listwise" else len(interactions)
    share = config.joint_weight if config.joint == "steps" else None
    steps = sum(triples for _, triples in planned(rows, config.batch_size, (True, True), share))
    return (
        run.best_epoch * steps * config.completion.batch_size / len(dataset.triples.filter(pl.col("split") == "train"))
    )
