"""A small world with planted tastes, made anew for each test that asks: who likes what is known, so learning shows.

30 films of 3 genres (film k has genre k % 3) by 6 directors (director k % 6, so each keeps to one genre); 42 people,
person k likes genre k % 3 and meets nine of its ten films: six in train, one in valid, two in test; one stray film of
another genre in train. One more person met nothing. Films 28 and 29 stand for no entity; 25 stands for that of 22.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from models.vocabulary import Vocabulary
from training.config import TrainingConfig, parse_config
from training.data.dataset import Dataset, SplitMethod
from training.data.indexed import IndexedDataset
from training.data.schema import SPLITS, TABLES
from training.trainer import TrainingResult, train

CPU = torch.device("cpu")
GENRES, DIRECTORS, FILMS, PEOPLE = 3, 6, 30, 42


def interactions(seed: int = 0) -> list[tuple[object, ...]]:
    random, rows = np.random.default_rng(seed), list[tuple[object, ...]]()
    for person in range(PEOPLE):
        liked = random.permutation(np.arange(person % GENRES, FILMS, GENRES))
        strays = np.setdiff1d(np.arange(FILMS), np.arange(person % GENRES, FILMS, GENRES))
        films = [*liked[:9], random.choice(strays)]
        splits = ["train"] * 6 + ["valid"] + ["test"] * 2 + ["train"]
        rows += [(f"u{person}", f"f{film}", None, None, split) for film, split in zip(films, splits, strict=True)]
    return rows


def triples() -> list[tuple[object, ...]]:
    genre = [
        (f"e{k}", "genre", f"genre{k % GENRES}", "test" if k in (0, 7, 14) else "valid" if k in (5, 10) else "train")
        for k in range(FILMS)
    ]
    return [*genre, *((f"e{k}", "director", f"person{k % DIRECTORS}", "train") for k in range(FILMS))]


def tables() -> dict[str, pl.DataFrame]:
    entities = [f"e{k}" for k in range(FILMS)] + [f"genre{k}" for k in range(GENRES)]
    linked = {f"f{k}": f"e{k}" for k in range(FILMS - 2)} | {"f25": "e22"}
    rows: dict[str, Sequence[tuple[object, ...]]] = {
        "users": [(f"u{k}",) for k in range(PEOPLE)] + [("silent",)],
        "items": [(f"f{k}", f"Film {k}") for k in range(FILMS)],
        "entities": [(entity, None) for entity in [*entities, *(f"person{k}" for k in range(DIRECTORS))]],
        "relations": [("genre", None), ("director", None)],
        "links": [*linked.items()],
        "interactions": interactions(),
        "triples": triples(),
    }
    return {name: pl.DataFrame(rows[name], schema=TABLES[name], orient="row") for name in TABLES}


def dataset(changed: Mapping[str, pl.DataFrame] | None = None, name: str = "planted films") -> Dataset:
    """Make the data set; `changed` tables stand in for the planted ones."""
    given = {"interactions": SplitMethod(method="given"), "triples": SplitMethod(method="given")}
    return Dataset.of(name, {**tables(), **(changed or {})}, source_format="hand", split=given)


def indexed(**changed: pl.DataFrame) -> IndexedDataset:
    return IndexedDataset.of(dataset(changed))


def more_held_out() -> pl.DataFrame:
    """Give the planted facts with 20 of the 60 in valid and 10 in test: enough to calibrate."""
    table = tables()["triples"].with_row_index("row")
    split = pl.when(pl.col("row") % 3 == 0).then(pl.lit("valid")).when(pl.col("row") % 6 == 1).then(pl.lit("test"))
    return table.with_columns(split.otherwise(pl.lit("train")).alias("split")).drop("row")


def without(table: str, *splits: str) -> pl.DataFrame:
    """Give a planted table without the rows of some splits."""
    return tables()[table].filter(~pl.col("split").is_in(splits))


KTUP: Mapping[str, Any] = {"name": "ktup", "embedding_size": 12, "norm": "l2", "combine": "mean"}


def config(model: Mapping[str, Any] = KTUP, **settings: Any) -> TrainingConfig:
    """Give settings that learn the planted world in seconds; `settings` replace whole sections or single values."""
    values = {
        "epochs": 4,
        "batch_size": 64,
        "recommendation": {"negatives": 16},
        "completion": {"batch_size": 32, "negatives": 16},
        "optimiser": {"learning_rate": 0.05},
        "validation": {"top_n": 3, "metric": "hits" if model["name"].startswith("trans") else "f1"},
    }
    return parse_config({**values, "model": dict(model), **settings}, "test")


class Quiet:
    """Watches a run without a word and keeps what it is told."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.steps: list[tuple[int, int, int]] = []
        self.records_before: list[dict[str, Any]] | None = None

    def resumed(self, history: list[dict[str, Any]]) -> None:
        self.records_before = list(history)

    def step(self, epoch: int, done: int, of: int) -> None:
        self.steps.append((epoch, done, of))

    def epoch(self, record: dict[str, Any]) -> None:
        self.records.append(record)


class Stop(Exception):
    """Ends a run as a kill would."""


class Stopping(Quiet):
    """Stops a run when it is told of an epoch: the state of that epoch is written by then."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def epoch(self, record: dict[str, Any]) -> None:
        if record["epoch"] == self.after:
            raise Stop


def run(
    settings: TrainingConfig,
    data: IndexedDataset,
    folder: Path,
    observer: Any = None,
    resume: bool = False,
    warm_starts: Sequence[Path] = (),
) -> TrainingResult:
    return train(settings, data, folder, CPU, observer or Quiet(), resume, warm_starts)


def rows(*values: tuple[int, ...]) -> NDArray[np.int64]:
    """Give tuples of rows as an (n, k) array."""
    return np.array(values, dtype=np.int64)


def catalogue(n_users: int, n_items: int, **interactions: NDArray[np.int64]) -> IndexedDataset:
    """Give a data set of nothing but interactions, (n, 2) rows by split; splits not named are empty."""
    empty = np.empty((0, 2), dtype=np.int64)
    return IndexedDataset(
        name="catalogue",
        content_hash="0" * 64,
        users=Vocabulary(f"u{k}" for k in range(n_users)),
        items=Vocabulary(f"i{k}" for k in range(n_items)),
        entities=Vocabulary([]),
        relations=Vocabulary([]),
        interactions={split: interactions.get(split, empty) for split in SPLITS},
        triples={split: np.empty((0, 3), dtype=np.int64) for split in SPLITS},
        alignment=np.full(n_items, -1),
    )
