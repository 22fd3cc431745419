"""Training learns what is planted, for every model, and is the same whenever it is the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.checkpoint import load_checkpoint
from tests.training import planted
from tests.training.planted import CPU, KTUP, Quiet
from training.config import ConfigError
from training.data.indexed import IndexedDataset
from training.evaluation.protocol import STRICT
from training.evaluation.recommendation import evaluate_recommendation, most_popular
from training.trainer import TrainingResult

TUP = {"name": "tup", "embedding_size": 12, "n_preferences": 3, "norm": "l2"}
JOINT_BASELINES = ("cfkg", "cke", "cofm-share", "cofm-reg")
NORMS = ("l1", "l2")
BASELINES = [
    *({"name": name, "embedding_size": 12} for name in ("fm", "bprmf")),
    *({"name": name, "embedding_size": 12, "norm": norm} for name in JOINT_BASELINES for norm in NORMS),
]
EVERY_MODEL = [
    *({"name": name, "embedding_size": 8, "norm": norm} for name in ("transe", "transh", "transr") for norm in NORMS),
    *BASELINES,
    *({**TUP, "norm": norm, "strategy": strategy} for norm in ("l1", "l2") for strategy in ("soft", "hard")),
    *({**KTUP, "norm": norm, "strategy": strategy} for norm in ("l1", "l2") for strategy in ("soft", "hard")),
]
LISTWISE = {"recommendation": {"loss": "listwise"}, "batch_size": 16}
PAPER_LOSSES = {"recommendation": {"loss": "bpr"}, "completion": {"loss": "margin", "batch_size": 32}}


def weights(result: TrainingResult) -> dict[str, torch.Tensor]:
    return load_file(result.checkpoint / "weights.safetensors")


def same(first: TrainingResult, second: TrainingResult) -> bool:
    a, b = weights(first), weights(second)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def _name(model: dict[str, Any]) -> str:
    return "-".join(str(model[key]) for key in ("name", "strategy", "norm") if key in model)


@pytest.mark.parametrize(
    "losses",
    [{}, PAPER_LOSSES, LISTWISE],
    ids=["softmax", "paper's losses", "listwise"],
)
@pytest.mark.parametrize("model", EVERY_MODEL, ids=_name)
def test_every_model_lowers_its_losses(
    model: dict[str, Any], losses: dict[str, Any], world: IndexedDataset, folder: Path
) -> None:
    validation = {"every": 3, "metric": "hits" if model["name"].startswith("trans") else "f1"}
    result = planted.run(planted.config(model, epochs=3, validation=validation, **losses), world, folder)
    first, last = result.history[0], result.history[-1]
    lowered = [last[name] < first[name] for name in first if name.endswith("_loss")]
    assert lowered == [True] * (2 if model["name"] in ("ktup", *JOINT_BASELINES) else 1)
    assert load_checkpoint(result.checkpoint).model_name == model["name"]


def test_listwise_learns_from_a_few_drawn_items_too(world: IndexedDataset, folder: Path) -> None:
    settings = {"recommendation": {"loss": "listwise", "negatives": 8}, "batch_size": 16}
    result = planted.run(planted.config(KTUP, epochs=6, validation={"every": 6}, **settings), world, folder)
    assert result.history[-1]["recommendation_loss"] < result.history[0]["recommendation_loss"]


def test_a_trained_model_beats_most_popular_by_far(world: IndexedDataset, trained: TrainingResult) -> None:
    model = load_checkpoint(trained.checkpoint).model
    learned = evaluate_recommendation(model, world, "test", STRICT, 3, CPU).means()["f1"]
    assert learned > 3 * most_popular(world, "test", STRICT, 3).means()["f1"]


@pytest.mark.parametrize("model", BASELINES, ids=_name)
def test_every_baseline_that_recommends_beats_most_popular_by_far(
    model: dict[str, Any], world: IndexedDataset, folder: Path
) -> None:
    trained = load_checkpoint(planted.run(planted.config(model, epochs=8), world, folder).checkpoint).model
    learned = evaluate_recommendation(trained, world, "test", STRICT, 3, CPU).means()["f1"]
    assert learned > 2 * most_popular(world, "test", STRICT, 3).means()["f1"]


def test_the_planted_genre_of_a_film_is_found_from_its_director(trained: TrainingResult) -> None:
    model, names = load_checkpoint(trained.checkpoint).model, load_checkpoint(trained.checkpoint).vocabularies
    genres = torch.from_numpy(names["entities"].rows(["genre0", "genre1", "genre2"]))
    films = torch.from_numpy(names["entities"].rows(["e0", "e7", "e14"]))  # their genres are in test alone
    scores = model.score_tails(films, torch.full_like(films, names["relations"].row("genre")))[:, genres]
    assert scores.argmax(1).tolist() == [0, 1, 2]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(world: IndexedDataset, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"model": {**KTUP, "strategy": "hard"}, "epochs": 2}
    first, second = (planted.run(planted.config(**settings), world, tmp_path / name) for name in ("a", "b"))
    other = planted.run(planted.config(**settings, seed=1), world, tmp_path / "c")
    assert same(first, second)
    assert not same(first, other)


def test_an_observer_sees_every_step_and_every_epoch(world: IndexedDataset, folder: Path) -> None:
    observer = Quiet()
    result = planted.run(planted.config(epochs=2, batch_size=100), world, folder, observer)
    assert observer.steps == [(epoch, step, 3) for epoch in (1, 2) for step in (1, 2, 3)]  # 294 rows
    assert observer.records == result.history


def test_a_graph_of_fewer_rows_than_a_batch_serves_every_step(world: IndexedDataset, folder: Path) -> None:
    settings = planted.config(epochs=1, batch_size=8, completion={"batch_size": 10_000, "negatives": 4})
    assert planted.run(settings, world, folder).history[0]["completion_loss"] > 0


def test_the_paper_protocol_trains_with_one_item_for_each_entity(world: IndexedDataset, folder: Path) -> None:
    result = planted.run(planted.config(epochs=1, protocol="paper"), world, folder)
    alignment = load_checkpoint(result.checkpoint).model.alignment
    assert (alignment[22].item(), alignment[25].item()) == (-1, 22)
    assert (world.alignment[22], world.alignment[25]) == (22, 22)


@pytest.mark.parametrize("loss", ["softmax", "bpr"])
def test_c58_three_items_and_a_user_who_met_them_all_finish_with_a_batch_of_256(loss: str, folder: Path) -> None:
    pairs = planted.rows((0, 0), (0, 1), (0, 2), (1, 0), (2, 1))
    data = planted.catalogue(4, 3, train=pairs, valid=planted.rows((1, 1)))
    settings = planted.config(TUP, epochs=2, batch_size=256, recommendation={"loss": loss, "negatives": 8})
    result = planted.run(settings, data, folder)
    assert result.history[-1]["recommendation_loss"] > 0


def test_when_everyone_met_everything_the_loss_is_zero_and_training_ends(folder: Path) -> None:
    pairs = planted.rows(*((user, item) for user in range(2) for item in range(3)))
    for loss in ("softmax", "bpr"):
        settings = planted.config(TUP, epochs=1, recommendation={"loss": loss})
        result = planted.run(settings, planted.catalogue(2, 3, train=pairs), folder / loss)
        assert result.history[0]["recommendation_loss"] == 0.0


@pytest.mark.parametrize(
    ("model", "metric", "message"),
    [
        ({"name": "transe"}, "f1", r"validation\.metric: transe cannot be chosen by 'f1'"),
        ({"name": "tup"}, "mrr", r"validation\.metric: tup cannot be chosen by 'mrr'"),
    ],
)
def test_a_metric_of_a_task_that_the_model_does_not_do_is_refused(
    model: dict[str, Any], metric: str, message: str, world: IndexedDataset, folder: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        planted.run(planted.config(model, validation={"metric": metric}), world, folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        (KTUP, lambda: planted.catalogue(1, 2, train=planted.rows((0, 0))), "no training triples; ktup needs a graph"),
        (TUP, lambda: planted.catalogue(1, 2), "no training rows for tup"),
        (
            {"name": "transe"},
            lambda: planted.catalogue(1, 2, train=planted.rows((0, 0))),
            "no training rows for transe",
        ),
    ],
)
def test_data_without_the_rows_that_the_model_learns_from_is_refused(
    model: dict[str, Any], data: Callable[[], IndexedDataset], message: str, folder: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        planted.run(planted.config(model), data(), folder)
    assert not folder.exists()
