"""RecBole's side, run by its own Python in the folder of the task; prints one line of JSON.

Its own loaders, samplers and trainer do the work: `_train_epoch` over the first batches of an epoch, and `evaluate`.
Soft induction, squared L2, one negative a row, Adam: what our side does too. Its KTUP keeps users, items and entities
free, adds orthogonality and alignment losses, and corrupts tails alone; none of that is changed.
"""

import json
from pathlib import Path
from typing import Any

import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer, init_seed

from benchmarks.peers.measuring import WARM_UP, FirstBatches, Measurement, timed

ROWS, TRIPLES = 0, 1
"""Epochs of KTUP: with one step of each kind, its trainer takes interactions in epoch 0 and triples in epoch 1."""

COLUMNS = {
    "inter": ["user_id", "item_id"],
    "kg": ["head_id", "relation_id", "tail_id"],
    "link": ["item_id", "entity_id"],
}


def settings(model: str, task: dict[str, Any]) -> dict[str, Any]:
    """Give RecBole's settings for the task; all others are its defaults (evaluation: 4,096 pairs at once)."""
    files = {"data_path": ".", "benchmark_filename": ["train", "valid", "test"], "checkpoint_dir": "saved"}
    columns = COLUMNS if model == "KTUP" else {"inter": COLUMNS["inter"]}
    sizes = {"train_batch_size": task["batch_size"], "embedding_size": task["embedding_size"]}
    ktup = {"train_rec_step": 1, "train_kg_step": 1, "use_st_gumbel": False, "L1_flag": False}
    metrics = {"metrics": ["Precision", "Recall", "Hit", "NDCG"], "topk": [10], "valid_metric": "NDCG@10"}
    return {**files, "load_col": columns, **sizes, **ktup, **metrics, "use_gpu": False, "show_progress": False}


def prepare(model: str, task: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Give RecBole's trainer, training loader and test loader for a model."""
    config = Config(model=model, dataset="task", config_dict=settings(model, task))
    init_seed(config["seed"], config["reproducibility"])
    train, _, test = data_preparation(config, create_dataset(config))
    network = get_model(config["model"])(config, train._dataset).to(config["device"])
    return get_trainer(config["MODEL_TYPE"], config["model"])(config, network), train, test


def training(trainer: Any, loader: Any, epoch: int, batches: int) -> Measurement:
    """Time some batches of training; the amount is their rows."""
    trainer._train_epoch(FirstBatches(loader, WARM_UP), epoch)

    def work() -> float:
        cut = FirstBatches(loader, batches)
        trainer._train_epoch(cut, epoch)
        return cut.rows

    return timed(work)


def ranking(trainer: Any, test: Any) -> Measurement:
    """Time the ranking of all items for all test users, with their metrics; the amount is the users."""

    def work() -> float:
        trainer.evaluate(test, load_best_model=False)
        return len(test.uid_list)

    return timed(work)


def main() -> None:
    """Measure and print."""
    task = json.loads(Path("task.json").read_text(encoding="utf-8"))
    torch.set_num_threads(task["threads"])
    trainer, train, test = prepare("BPR", task)
    found = {"bprmf rows": training(trainer, train, ROWS, task["batches"]), "bprmf ranking": ranking(trainer, test)}
    trainer, train, test = prepare("KTUP", task)
    found |= {
        "ktup rows": training(trainer, train, ROWS, task["batches"]),
        "ktup triples": training(trainer, train, TRIPLES, task["batches"]),
        "ktup ranking": ranking(trainer, test),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
