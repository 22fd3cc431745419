"""How well people and items that came after training are folded in, held against the same ones trained in.

Users: two trainings with the same settings, on all users, and on all but some; those are then folded in from their
training history with the item side fixed. Both are measured on their test items by the strict protocol.

Items: a third training without some items and without every fact of their entities; they are then folded in from
those facts, and ranked among each other for everybody who has one of them.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.held_out import draw_items, draw_users, without_items, without_users
from benchmarks.machine import describe_machine
from models.catalogue import Catalogue
from models.checkpoint import Checkpoint, load_checkpoint
from models.durable import takes_file
from models.fold_in.items import FactsOf, ItemFolding
from models.fold_in.users import FoldInSettings, UserFolding
from models.retrieval.ranking import RowLists
from models.retrieval.scan import scan
from training.cli_shared import parse_overrides, told_plainly
from training.config import ConfigError, TrainingConfig, parse_config
from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset
from training.evaluation.protocol import STRICT
from training.evaluation.recommendation import most_popular, score_lists
from training.presets import load_recipe
from training.progress import Silent
from training.trainer import train

TOP_N, SEED = 10, 0
Rows = NDArray[np.int64]


class Quiet(Silent):
    """Watches a run and says each epoch's number."""

    def __init__(self, say: Callable[[str], None], what: str) -> None:
        self._say, self._what = say, what

    def epoch(self, record: dict[str, Any]) -> None:
        """Name the epoch that is done."""
        self._say(f"{self._what}: epoch {record['epoch']} is trained")


def trained(
    config: TrainingConfig, dataset: IndexedDataset, run: Path, say: Callable[[str], None] = lambda _: None
) -> Checkpoint:
    """Train, or take what an earlier call left in `run`.

    Raises:
        ConfigError: it was left by other settings or other data.
    """
    path = run / "checkpoint"
    if not path.is_dir():
        train(config, dataset, run, torch.device("cpu"), Quiet(say, run.name))
    loaded = load_checkpoint(path)
    left = parse_config(loaded.manifest["training"], str(run))  # settings that came later have their defaults
    if (loaded.manifest["dataset"]["content_hash"], left) != (dataset.content_hash, config):
        raise ConfigError(f"{run} holds a checkpoint of other settings or data; name another folder")
    loaded.model.to(torch.float64)
    return loaded


def measure_users(
    dataset: IndexedDataset, users: Rows, whole: Checkpoint, rest: Checkpoint, settings: FoldInSettings
) -> dict[str, Any]:
    """Measure users trained in (`whole`) and folded in (`rest`, which never saw them), and the most popular items."""
    history = RowLists.of_pairs(dataset.interactions["train"], len(dataset.users))
    folding = UserFolding(Catalogue.of(rest.model), settings)
    vectors, seconds = [], []
    for user in users:
        started = process_time()
        vectors.append(folding.fold(history[user]))
        seconds.append(process_time() - started)
    known = [whole.model.user_vectors(torch.tensor([user]))[0].detach() for user in users]
    starts = UserFolding(Catalogue.of(rest.model), FoldInSettings(settings.sharpness, evaluations=1))
    means = [starts.fold(history[user]) for user in users]
    trained_in, folded_in = (
        _lists(dataset, users, Catalogue.of(checkpoint.model), taken)
        for checkpoint, taken in ((whole, known), (rest, vectors))
    )
    popular = most_popular(dataset, "test", STRICT, TOP_N)
    chosen = np.isin(popular.users, users)
    return {
        "users": len(users),
        "trained_in": trained_in,
        "folded_in": folded_in,
        "mean_of_history": _lists(dataset, users, Catalogue.of(rest.model), means),
        "most_popular": {name: round(float(popular.values[name][chosen].mean()), 6) for name in trained_in},
        "f1_ratio": round(folded_in["f1"] / trained_in["f1"], 4) if trained_in["f1"] else None,
        "fold_in_ms": _milliseconds(seconds),
    }


def measure_items(dataset: IndexedDataset, items: Rows, whole: Checkpoint, rest: Checkpoint) -> dict[str, Any]:
    """Rank held-out items among each other for everybody who has one, in any split, by several vectors of theirs.

    `trained_in` saw interactions and facts of these items in training, `most_popular` counts those interactions;
    `folded_in` knows their facts alone, and is ranked for the users of the model that never saw the items.
    """
    pairs = np.concatenate([*dataset.interactions.values()])
    pairs = pairs[np.isin(pairs[:, 1], items)]
    people, places = np.unique(pairs[:, 0], return_inverse=True)
    liked = np.zeros((len(people), len(items)), dtype=bool)
    liked[places.ravel(), np.searchsorted(items, pairs[:, 1])] = True
    folding, vectors, seconds = ItemFolding(rest.model), [], []
    for item in items:
        started = process_time()
        vectors.append(folding.item(facts_of(dataset, int(dataset.alignment[item]))))
        seconds.append(process_time() - started)
    counts = np.bincount(dataset.interactions["train"][:, 1], minlength=len(dataset.items))[items].astype(float)
    users = torch.from_numpy(people)
    scores = {
        "trained_in": _scores(whole.model, users, whole.model.item_vectors(torch.from_numpy(items))),
        "folded_in": _scores(rest.model, users, torch.stack(vectors)),
        "most_popular": np.tile(counts, (len(people), 1)),
        "random": np.random.default_rng(SEED).random(liked.shape),
    }
    measured = {name: _among(values, liked) for name, values in scores.items()}
    return {"items": len(items), "users": len(people), **measured, "fold_in_ms": _milliseconds(seconds)}


def facts_of(dataset: IndexedDataset, entity: int) -> FactsOf:
    """Give the training facts of an entity."""
    heads, relations, tails = dataset.triples["train"].T
    as_head, as_tail = heads == entity, (tails == entity) & (heads != entity)
    chosen = as_head | as_tail
    return FactsOf(relations[chosen], np.where(as_head, tails, heads)[chosen], as_head[chosen])


@torch.no_grad()
def _scores(model: Any, users: torch.Tensor, vectors: torch.Tensor) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = -model.space.grid_distances(model.user_vectors(users), vectors).numpy()
    return scores


def _among(scores: NDArray[np.float64], liked: NDArray[np.bool_]) -> dict[str, float | None]:
    """Give the mean share of (liked, other) pairs in the right order, ties half, and the mean recall at TOP_N.

    None where everybody has all of the items, as of a single one.
    """
    shares, recalls = [], []
    able = ~liked.all(axis=1)  # who has all of them has no pair to be in order
    for row, mine in zip(scores[able], liked[able], strict=True):
        of_liked, of_others = row[mine, None], row[None, ~mine]
        shares.append(float(((of_liked > of_others) + 0.5 * (of_liked == of_others)).mean()))
        recalls.append(float(mine[np.argsort(-row, kind="stable")[:TOP_N]].sum() / mine.sum()))
    found = {"auc": shares, "recall": recalls}
    return {name: round(float(np.mean(values)), 4) if values else None for name, values in found.items()}


def _lists(
    dataset: IndexedDataset, users: Rows, catalogue: Catalogue, vectors: Sequence[torch.Tensor]
) -> dict[str, float]:
    """Measure the lists of people who are vectors, on their test items."""
    relevant = RowLists.of_pairs(dataset.interactions["test"], len(dataset.users))
    pairs = np.concatenate([dataset.interactions[split] for split in STRICT.excluded["test"]])
    seen = RowLists.of_pairs(pairs, len(dataset.users))
    found = [scan(catalogue, vector, TOP_N, seen[user]).rows for user, vector in zip(users, vectors, strict=True)]
    ranked = np.stack([np.pad(rows, (0, TOP_N - len(rows)), constant_values=-1) for rows in found])
    means = score_lists(ranked, users, relevant, TOP_N, STRICT).means()
    return {name: round(means[name], 6) for name in ("precision", "recall", "f1", "hit", "ndcg")}


def _milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Give the median, the 99th percentile and the most, in CPU milliseconds a call."""
    values = 1000 * np.array(seconds)
    return {
        "p50": round(float(np.median(values)), 2),
        "p99": round(float(np.percentile(values, 99)), 2),
        "most": round(float(values.max()), 2),
    }


def settings_of(checkpoint: Checkpoint) -> FoldInSettings:
    """Fold in with the sharpness that the checkpoint was trained with."""
    return FoldInSettings(sharpness=float(checkpoint.manifest["training"]["recommendation"]["sharpness"]))


def _check_drawn(dataset: IndexedDataset, users: Rows, items: Rows | None) -> None:
    """Find out before the trainings that there is something to measure after them."""
    if not len(users):
        raise ConfigError(f"{dataset.name}: nobody has both training and test rows, so no user can be held out")
    if items is not None and not len(items):
        raise ConfigError(
            f"{dataset.name}: no item has training rows and an entity of its own with facts; try --items 0"
        )


app = typer.Typer(pretty_exceptions_enable=False)
out, errors = Console(), Console(stderr=True)


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="A data set directory, as `python -m training convert` writes it.")],
    target: Annotated[Path, typer.Option("--out", help="The JSON file to write.")],
    runs: Annotated[Path, typer.Option(help="A folder for the trainings; those that are there are not repeated.")],
    preset: Annotated[str, typer.Option(help="A preset, or a TOML file.")] = "sample",
    settings: Annotated[list[str] | None, typer.Option("--set", help="Change a setting: --set epochs=6.")] = None,
    n_users: Annotated[int, typer.Option("--users", min=1, help="Users to hold out.")] = 500,
    n_items: Annotated[int, typer.Option("--items", min=0, help="Items to hold out; 0: none is measured.")] = 0,
) -> None:
    """Hold users, and items, out of training, fold them in, and write how they fare as JSON."""
    with told_plainly(), errors.status("reading") as status:
        if not takes_file(target):
            raise ConfigError(f"--out {target} is no place for a file; name one in a directory that may be written to")
        torch.set_num_threads(1)
        dataset = IndexedDataset.of(Dataset.load(data))
        config = load_recipe(preset, None, parse_overrides(settings or [])).config
        users, items = draw_users(dataset, n_users, SEED), draw_items(dataset, n_items, SEED)
        _check_drawn(dataset, users, items if n_items else None)
        rest = trained(config, without_users(dataset, users), runs / "held-out", status.update)
        whole = trained(config, dataset, runs / "trained-in", status.update)
        status.update("folding in")
        fold_in = settings_of(rest)
        report = {
            "data": {"name": dataset.name, "content_hash": dataset.content_hash},
            "protocol": STRICT.name,
            "top_n": TOP_N,
            "preset": preset,
            "changed": settings or [],
            "training": config.model_dump(mode="json"),
            "fold_in": vars(fold_in),
            "machine": describe_machine(1, ("numpy", "torch")),
            "users": measure_users(dataset, users, whole, rest, fold_in),
        }
        if n_items:
            without = trained(config, without_items(dataset, items), runs / "items", status.update)
            report["items"] = measure_items(dataset, items, whole, without)
    target.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    out.print_json(json.dumps({part: report[part] for part in ("users", "items") if part in report}))


if __name__ == "__main__":
    app()
