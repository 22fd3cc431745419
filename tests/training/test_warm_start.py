"""A run begins from what simpler models learnt: each row by its id, or not at all."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from models.checkpoint import CheckpointError, load_checkpoint, write_checkpoint
from models.interface import Sizes
from models.registry import build, config_from
from models.vocabulary import Vocabulary
from tests.training import planted
from training.data.indexed import IndexedDataset
from training.run_state import ResumeError
from training.trainer import TrainingResult
from training.warm_start import GIVES, WarmStartError, warm_start

HERE = {"users": ["ann", "bob"], "items": ["i1", "i2", "i3"], "entities": ["e1", "e2"], "relations": ["r1", "r2"]}
THERE = {"users": ["bob", "ann"], "items": ["i3", "i1", "i2"], "entities": ["e2", "e1"], "relations": ["r2", "r1"]}
ALIGNMENT = torch.tensor([0, -1, 1])
Ids = Mapping[str, list[str]]


def vocabularies(ids: Ids) -> dict[str, Vocabulary]:
    return {kind: Vocabulary(names) for kind, names in ids.items()}


def model_of(name: str, ids: Ids = HERE, seed: int = 0, **settings: Any) -> Any:
    sizes = Sizes(len(ids["users"]), len(ids["items"]), len(ids["entities"]), len(ids["relations"]), ALIGNMENT)
    config = config_from(name, {"embedding_size": 2, **settings})
    return build(name, config, sizes, Generator().manual_seed(seed))


def checkpoint_of(
    folder: Path, name: str, model: Any, ids: Ids = THERE, protocol: str = "strict", **training: Any
) -> Path:
    extra = {
        "training": {"protocol": protocol, **training},
        "epoch": 3,
        "dataset": {"name": "films", "content_hash": "ab"},
    }
    write_checkpoint(folder / name, name, model, vocabularies(ids), extra)
    return folder / name


def begin(name: str, model: Any, *directories: Path, **training: Any) -> list[dict[str, Any]]:
    settings = planted.config({"name": name}, **training)
    return warm_start(model, settings, vocabularies(HERE), directories)


def fill(parameter: Tensor, values: list[list[float]]) -> None:
    with torch.no_grad():
        parameter.copy_(torch.tensor(values))


def test_each_row_goes_to_its_id_whatever_the_order(tmp_path: Path) -> None:
    source, model = model_of("bprmf", THERE, seed=1), model_of("tup-soft")
    fill(source.users, [[0.1, 0.0], [0.2, 0.0]])  # bob, ann
    fill(source.items, [[0.3, 0.0], [0.4, 0.0], [0.5, 0.0]])  # i3, i1, i2
    begin("tup-soft", model, checkpoint_of(tmp_path, "bprmf", source))
    torch.testing.assert_close(model.users.detach(), torch.tensor([[0.2, 0.0], [0.1, 0.0]]))  # ann, bob
    torch.testing.assert_close(model.items.detach(), torch.tensor([[0.4, 0.0], [0.5, 0.0], [0.3, 0.0]]))


def test_matrices_and_normals_of_relations_go_with_their_relations(tmp_path: Path) -> None:
    transr, cke = model_of("transr", THERE, seed=1), model_of("cke")
    with torch.no_grad():
        transr.relation_matrices.copy_(torch.tensor([[[1.0, 0], [0, 0]], [[0, 0], [0, 0.5]]]))  # r2, r1
    begin("cke", cke, checkpoint_of(tmp_path, "transr", transr))
    assert cke.relation_matrices.tolist() == [[[0, 0], [0, 0.5]], [[1, 0], [0, 0]]]
    transh, ktup = model_of("transh", THERE, seed=1), model_of("ktup-soft")
    fill(transh.relation_normals, [[1, 0], [0, 1]])
    begin("ktup-soft", ktup, checkpoint_of(tmp_path, "transh", transh))
    assert ktup.relation_normals.tolist() == [[0, 1], [1, 0]]


SOURCES = [
    ("transh", ("transe",)),
    ("transr", ("transe",)),
    ("tup-hard", ("bprmf",)),
    ("tup-soft", ("bprmf",)),
    ("ktup-hard", ("tup-hard", "transh")),
    ("ktup-soft", ("tup-soft", "transh")),
    ("ktup", ("tup", "transh")),
    ("ktup-soft", ("tup-soft", "transe")),
    ("cke", ("bprmf", "transr")),
    ("cofm-share", ("bprmf", "transe")),
    ("cofm-reg", ("bprmf", "transe")),
    ("cfkg", ("bprmf", "transe")),
]


def _preferences(name: str) -> dict[str, Any]:
    return {"n_preferences": 2} if name.startswith("tup") else {}


@pytest.mark.parametrize(("name", "sources"), SOURCES, ids=["-".join((name, *given)) for name, given in SOURCES])
def test_a_model_takes_every_table_that_its_sources_share_with_it_and_keeps_the_rest(
    name: str, sources: tuple[str, ...], tmp_path: Path
) -> None:
    given = {source: model_of(source, HERE, seed=k + 1, **_preferences(source)) for k, source in enumerate(sources)}
    model, drawn = model_of(name), model_of(name).state_dict()
    records = begin(name, model, *(checkpoint_of(tmp_path, source, m, HERE) for source, m in given.items()))
    taken = {key: table for m in given.values() for key, table in m.named_parameters()}
    for key, table in model.named_parameters():
        torch.testing.assert_close(table, taken.get(key, drawn[key]), msg=key)
    assert set(taken) <= set(dict(model.named_parameters()))
    assert [record["model"]["name"] for record in records] == list(sources)


def test_every_pair_of_the_table_is_tried_above() -> None:
    tried = {(type(model_of(name)), type(model_of(source))) for name, sources in SOURCES for source in sources}
    assert tried == set(GIVES)


def test_transr_scores_as_the_transe_that_it_begins_from(tmp_path: Path) -> None:
    transe, transr = model_of("transe", HERE, seed=1), model_of("transr")
    begin("transr", transr, checkpoint_of(tmp_path, "transe", transe, HERE))
    rows = torch.arange(2)
    torch.testing.assert_close(transr.score_tails(rows, rows), transe.score_tails(rows, rows))


def test_a_row_longer_than_the_model_allows_is_shortened(tmp_path: Path) -> None:
    source, model = model_of("bprmf", THERE, seed=1, bounded=False), model_of("tup-soft")
    fill(source.users, [[3.0, 4.0], [0.3, 0.4]])
    begin("tup-soft", model, checkpoint_of(tmp_path, "bprmf", source))
    torch.testing.assert_close(model.users.detach(), torch.tensor([[0.3, 0.4], [0.6, 0.8]]))


def test_a_record_names_the_weights_and_no_path(tmp_path: Path) -> None:
    first = begin("tup-soft", model_of("tup-soft"), checkpoint_of(tmp_path, "bprmf", model_of("bprmf", THERE, 1)))
    again = begin(
        "tup-soft", model_of("tup-soft"), checkpoint_of(tmp_path / "moved", "bprmf", model_of("bprmf", THERE, 1))
    )
    other = begin(
        "tup-soft", model_of("tup-soft"), checkpoint_of(tmp_path / "other", "bprmf", model_of("bprmf", THERE, 2))
    )
    assert first == again
    assert first[0]["weights"] != other[0]["weights"]
    assert (first[0]["epoch"], first[0]["dataset"]["content_hash"]) == (3, "ab")
    assert str(tmp_path) not in json.dumps(first)


def _bprmf(ids: Ids = HERE, **settings: Any) -> Callable[[Path], list[Path]]:
    return lambda folder: [checkpoint_of(folder, "bprmf", model_of("bprmf", ids, **settings), ids)]


def _named(name: str, **settings: Any) -> Callable[[Path], list[Path]]:
    return lambda folder: [checkpoint_of(folder, name, model_of(name, HERE, **settings), HERE)]


def _twice(folder: Path) -> list[Path]:
    return [*_bprmf()(folder / "a"), *_bprmf()(folder / "b")]


def _paper(folder: Path) -> list[Path]:
    return [checkpoint_of(folder, "bprmf", model_of("bprmf"), HERE, "paper")]


def _refit(folder: Path) -> list[Path]:
    return [checkpoint_of(folder, "bprmf", model_of("bprmf"), HERE, refit=True)]


MORE = {**HERE, "users": ["ann", "bob", "cid", "dan"]}
OTHERS = {**HERE, "items": ["i1", "i2", "i4"]}

MISFITS: list[tuple[str, Callable[[Path], list[Path]], str]] = [
    ("tup-soft", _bprmf(embedding_size=3), "bprmf: model.embedding_size is 3 there and 2 here"),
    ("tup-soft", _bprmf(MORE), "bprmf: 2 of 4 users are not in the data set, 'cid' the first of them"),
    ("tup-soft", _bprmf(OTHERS), "bprmf: 1 of 3 items are not in the checkpoint, 'i3' the first of them"),
    ("tup-soft", _named("transe"), "transe: tup-soft cannot begin from transe; it begins from BPRMF"),
    ("ktup-soft", _bprmf(), "bprmf: ktup-soft cannot begin from bprmf; it begins from TUP and TransH and TransE"),
    ("bprmf", _bprmf(), "bprmf: bprmf cannot begin from bprmf; it begins from no other model"),
    ("tup-soft", _paper, "bprmf: it was trained under the paper protocol, this run is strict"),
    (
        "tup-soft",
        _refit,
        "bprmf: it is a refit and learnt from validation, by which this run is chosen; begin from the checkpoint that "
        "validation chose",
    ),
    (
        "ktup-soft",
        _named("tup-soft", n_preferences=5),
        "tup-soft: model.n_preferences is 5 there; one for each relation is 2 here",
    ),
    ("tup-soft", _twice, "bprmf: another warm start gives 'users' already"),
]


@pytest.mark.parametrize(("name", "sources", "message"), MISFITS)
def test_what_does_not_fit_is_refused_by_name_and_nothing_is_changed(
    name: str, sources: Callable[[Path], list[Path]], message: str, tmp_path: Path
) -> None:
    model, before = model_of(name), model_of(name).state_dict()
    with pytest.raises(WarmStartError) as caught:
        begin(name, model, *sources(tmp_path))
    assert str(caught.value).endswith(f"/{message}")
    assert all(torch.equal(table, before[key]) for key, table in model.state_dict().items())


def test_a_second_source_that_does_not_fit_leaves_the_first_unused(tmp_path: Path) -> None:
    model, before = model_of("ktup-soft"), model_of("ktup-soft").state_dict()
    good = _named("transh", seed=1)(tmp_path)
    with pytest.raises(WarmStartError, match="n_preferences is 5"):
        begin("ktup-soft", model, *good, *_named("tup-soft", n_preferences=5)(tmp_path))
    assert all(torch.equal(table, before[key]) for key, table in model.state_dict().items())


def test_a_folder_that_is_no_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"manifest\.json is missing"):
        begin("tup-soft", model_of("tup-soft"), tmp_path)


def test_a_refit_begins_from_a_refit_that_learnt_no_more_than_it_does_and_says_so(tmp_path: Path) -> None:
    plain, with_facts = (
        checkpoint_of(tmp_path / str(facts), "bprmf", model_of("bprmf"), HERE, refit=True, refit_facts=facts)
        for facts in (False, True)
    )
    with pytest.raises(WarmStartError, match="learnt from the validation facts, this one does not"):
        begin("tup-soft", model_of("tup-soft"), with_facts, refit=True)
    assert begin("tup-soft", model_of("tup-soft"), plain, refit=True)[0]["refit"]
    assert begin("tup-soft", model_of("tup-soft"), with_facts, refit=True, refit_facts=True)[0]["refit"]
    chosen = checkpoint_of(tmp_path, "bprmf", model_of("bprmf"), HERE, refit=False)
    assert "refit" not in begin("tup-soft", model_of("tup-soft"), chosen)[0]


def test_no_warm_start_leaves_every_number_as_it_was_drawn() -> None:
    model = model_of("tup-soft")
    assert begin("tup-soft", model) == []
    assert all(torch.equal(table, model_of("tup-soft").state_dict()[key]) for key, table in model.state_dict().items())


BPRMF, TUP = {"name": "bprmf", "embedding_size": 12}, {"name": "tup", "embedding_size": 12, "norm": "l2"}


@pytest.fixture(scope="module")
def basis(world: IndexedDataset, tmp_path_factory: pytest.TempPathFactory) -> dict[int, TrainingResult]:
    """BPRMF, trained on the planted world from two seeds."""
    folder = tmp_path_factory.mktemp("basis")
    return {seed: planted.run(planted.config(BPRMF, seed=seed), world, folder / str(seed)) for seed in (0, 1)}


def test_a_run_that_begins_from_a_checkpoint_is_ahead_and_its_manifest_says_so(
    world: IndexedDataset, basis: dict[int, TrainingResult], tmp_path: Path
) -> None:
    settings = planted.config(TUP, epochs=1)
    cold = planted.run(settings, world, tmp_path / "cold")
    warm = planted.run(settings, world, tmp_path / "warm", warm_starts=[basis[0].checkpoint])
    assert warm.history[0]["recommendation_loss"] < 0.9 * cold.history[0]["recommendation_loss"]
    kept = load_checkpoint(warm.checkpoint).manifest["warm_starts"]
    assert [(record["model"]["name"], record["epoch"]) for record in kept] == [("bprmf", basis[0].best_epoch)]
    assert kept[0]["dataset"]["content_hash"] == world.content_hash
    assert load_checkpoint(cold.checkpoint).manifest["warm_starts"] == []


def test_a_manifest_goes_back_to_the_first_of_a_chain(
    world: IndexedDataset, basis: dict[int, TrainingResult], tmp_path: Path
) -> None:
    tup = planted.config({**TUP, "n_preferences": 2}, epochs=1)
    middle = planted.run(tup, world, tmp_path / "tup", warm_starts=[basis[0].checkpoint])
    last = planted.run(planted.config(epochs=1), world, tmp_path / "ktup", warm_starts=[middle.checkpoint])
    (record,) = load_checkpoint(last.checkpoint).manifest["warm_starts"]
    assert [record["model"]["name"], record["warm_starts"][0]["model"]["name"]] == ["tup", "bprmf"]


def test_a_stopped_run_goes_on_with_its_own_warm_start_and_with_no_other(
    world: IndexedDataset, basis: dict[int, TrainingResult], tmp_path: Path
) -> None:
    settings, own, other = planted.config(TUP, epochs=3), [basis[0].checkpoint], [basis[1].checkpoint]
    straight = planted.run(settings, world, tmp_path / "straight", warm_starts=own)
    with pytest.raises(planted.Stop):
        planted.run(settings, world, tmp_path / "run", planted.Stopping(1), warm_starts=own)
    for wrong in ([], other):
        with pytest.raises(ResumeError, match="belongs to other settings or another data set or warm start"):
            planted.run(settings, world, tmp_path / "run", resume=True, warm_starts=wrong)
    resumed = planted.run(settings, world, tmp_path / "run", resume=True, warm_starts=own)
    first, second = (load_checkpoint(result.checkpoint).model.state_dict() for result in (straight, resumed))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_checkpoint_that_does_not_fit_makes_no_folder(
    world: IndexedDataset, basis: dict[int, TrainingResult], folder: Path
) -> None:
    with pytest.raises(WarmStartError, match="transh cannot begin from bprmf; it begins from TransE"):
        planted.run(planted.config({"name": "transh"}), world, folder, warm_starts=[basis[0].checkpoint])
    assert not folder.exists()
