"""A release: measured, indexed, named, and there whole or not at all."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.checkpoint import CheckpointError, load_checkpoint, write_checkpoint
from models.release import load_release
from models.retrieval import stored
from models.retrieval.calibration import KINDS
from models.retrieval.index import PreferenceIndex
from models.retrieval.ranking import RowLists
from models.retrieval.search import Searcher
from models.retrieval.stored import build_index
from tests.training import planted
from training import release
from training.data.errors import TargetExists
from training.data.indexed import IndexedDataset
from training.evaluation.protocol import STRICT
from training.evaluation.recommendation import most_popular
from training.release import (
    CandidateRecall,
    ReleaseError,
    calibrated,
    calibration_rows,
    candidate_recall,
    make_release,
    measure_on_test,
    measure_recall,
    true_lists,
)
from training.trainer import TrainingResult, new_model

STAGES = [
    "measuring on the test split",
    "indexing items",
    "calibrating the probabilities of missing facts",
    "measuring candidate recall",
]


@pytest.fixture(scope="module")
def made(world: IndexedDataset, trained: TrainingResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_release(trained.checkpoint, world, tmp_path_factory.mktemp("releases"), "first")


def manifest(directory: Path) -> dict[str, Any]:
    return dict(json.loads((directory / "manifest.json").read_text()))


def test_a_release_loads_and_answers_as_its_checkpoint_does(
    made: Path, trained: TrainingResult, world: IndexedDataset
) -> None:
    loaded, seen = load_release(made), RowLists.of_pairs(world.interactions["train"], len(world.users))
    model = load_checkpoint(trained.checkpoint).model.double()
    index = PreferenceIndex.build(model, world.items.content_hash)
    for user in range(5):
        expected = Searcher(model, index, 30).brute_force(user, 5, seen[user])
        assert loaded.searcher.search(user, 5, seen[user]).rows.tolist() == expected.rows.tolist()


def test_the_manifest_holds_what_the_model_is_measured_by_and_made_from(
    made: Path, trained: TrainingResult, world: IndexedDataset
) -> None:
    values, checkpoint = manifest(made), load_checkpoint(trained.checkpoint)
    assert values["metrics"] == measure_on_test(checkpoint, world)
    assert values["metrics"]["most_popular"] == most_popular(world, "test", STRICT, 10).means()
    assert values["metrics"]["completion"]["triples"] == 3
    assert values["metrics"]["protocol"] == "strict"
    assert values["dataset"] == world.described
    assert values["counts"] == {"users": 43, "items": 30, "entities": 39, "relations": 2}
    assert values["training"]["model"]["name"] == values["model"]["name"] == "ktup"
    assert set(values["versions"]) == {"python", "torch", "faiss"}


def test_the_roles_are_those_of_the_training_triples(made: Path, world: IndexedDataset) -> None:
    genres = load_release(made).roles.entities(world.relations.row("genre"), "tail")
    assert [world.entities.id(int(row)) for row in genres] == ["genre0", "genre1", "genre2"]


def test_the_index_of_a_small_soft_model_finds_the_very_list(made: Path) -> None:
    index = manifest(made)["index"]
    assert (index["recall"], index["identical"]) == (1.0, 1.0)
    assert (index["users"], index["nominate"], index["kind"]) == (43, 30, "scan")


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_the_index_of_a_hard_model_finds_the_very_list(norm: str, world: IndexedDataset, folder: Path) -> None:
    model = {**planted.KTUP, "strategy": "hard", "norm": norm}
    result = planted.run(planted.config(model, epochs=2), world, folder)
    index = manifest(make_release(result.checkpoint, world, folder, "hard"))["index"]
    assert (index["recall"], index["identical"]) == (1.0, 1.0)


def test_a_user_who_met_everything_takes_nothing_from_recall(trained: TrainingResult, world: IndexedDataset) -> None:
    model = load_checkpoint(trained.checkpoint).model.double()
    searcher = Searcher(model, PreferenceIndex.build(model, world.items.content_hash), 30)
    everything = RowLists.of_pairs(planted.rows(*((0, item) for item in range(30))), len(world.users))
    assert measure_recall(searcher, everything, np.array([0])).recall == 1.0


def test_recall_is_the_mean_share_of_the_true_first_that_is_found() -> None:
    class Half:
        """Finds places 1 and 2 of four for user 0, and all of them for user 1, two in another order."""

        def search(self, user: int, n: int, seen: Any) -> Any:
            return type("Ranking", (), {"rows": np.array([[0, 1, 8, 9], [1, 0, 2, 3]][user])})

        def brute_force(self, user: int, n: int, seen: Any) -> Any:
            return type("Ranking", (), {"rows": np.array([0, 1, 2, 3])})

    nobody = RowLists.of_pairs(np.empty((0, 2), dtype=np.int64), 2)
    found = measure_recall(Half(), nobody, np.array([0, 1]), 7)  # type: ignore[arg-type]
    assert (found.nominate, found.users, found.recall, found.identical) == (7, 2, 0.75, 0.0)


Calls = list[tuple[int, set[int]]]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What recall was measured with, in order: how many are nominated, and for whom; 40, 80, 160 find more and more."""
    calls: Calls = []

    def measure_recall(nominate: int, seen: Any, users: Any, stated: int = 0, true: Any = None) -> CandidateRecall:
        assert true is None or len(true) == len(users)
        calls.append((nominate, {int(user) for user in users}))
        return CandidateRecall(stated, len(users), {40: 0.9, 80: 0.998}.get(nominate, 0.999), 0.0)

    monkeypatch.setattr(release, "Searcher", lambda model, index, nominate: nominate)
    monkeypatch.setattr(release, "true_lists", lambda model, index, seen, users: list(users))
    monkeypatch.setattr(release, "measure_recall", measure_recall)
    return calls


def _recall(strategy: str, n_users: int, n_items: int) -> CandidateRecall:
    data = planted.catalogue(n_users, n_items, train=planted.rows((0, 0)))
    model = new_model(planted.config({"name": "tup", "embedding_size": 2, "strategy": strategy}), data)
    return candidate_recall(model, build_index(model, "hash", "flat"), data)


def test_a_soft_index_nominates_twice_as_many_until_enough_is_found(measured: Calls) -> None:
    found = _recall("soft", 900, 1000)
    assert [nominate for nominate, _ in measured] == [40, 80, 160, 160]
    assert (found.nominate, found.recall) == (160, 0.999)


def test_recall_is_measured_on_users_who_took_no_part_in_the_choice(measured: Calls) -> None:
    _recall("soft", 900, 1000)
    assert all(users == measured[0][1] for _, users in measured[:3])
    assert (len(measured[0][1]), len(measured[3][1])) == (200, 500)
    assert not measured[0][1] & measured[3][1]


def test_with_few_users_recall_is_measured_on_those_there_are(measured: Calls) -> None:
    assert _recall("soft", 150, 1000).users == 150
    assert measured[0][1] == measured[-1][1]


def test_no_more_are_nominated_than_there_are_items(measured: Calls) -> None:
    assert _recall("soft", 10, 70).nominate == 70
    assert [nominate for nominate, _ in measured] == [40, 70]


def test_a_hard_index_needs_no_choice(measured: Calls) -> None:
    assert _recall("hard", 900, 1000).nominate == 40
    assert len(measured) == 1


def test_brute_force_is_spared_where_an_exact_index_holds_many_items(
    measured: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "SCANNED", 999)
    assert _recall("hard", 900, 1000).users == 20


def test_true_lists_are_those_of_brute_force(world: IndexedDataset) -> None:
    model = new_model(planted.config(), world).double()
    index, seen = build_index(model, "hash", "cells"), RowLists.of_pairs(world.interactions["train"], len(world.users))
    users, searcher = np.array([4, 0, 7]), Searcher(model, index, 30)
    expected = [searcher.brute_force(user, 10, seen[user]).rows.tolist() for user in users.tolist()]
    assert [rows.tolist() for rows in true_lists(model, index, seen, users)] == expected


def test_each_stage_is_told(trained: TrainingResult, world: IndexedDataset, tmp_path: Path) -> None:
    told: list[str] = []
    make_release(trained.checkpoint, world, tmp_path, "first", told.append)
    assert told == STAGES


def test_a_folder_that_takes_no_release_is_refused_before_anything_is_measured(
    trained: TrainingResult, world: IndexedDataset, tmp_path: Path
) -> None:
    told: list[str] = []
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetExists, match=r"file/two cannot be made: .*/file is no directory that may be written to"):
        make_release(trained.checkpoint, world, tmp_path / "file", "two", told.append)
    assert told == []


def test_how_far_items_are_sorted_into_cells_is_told(
    trained: TrainingResult, world: IndexedDataset, tmp_path: Path
) -> None:
    told: list[str] = []
    made = make_release(trained.checkpoint, world, tmp_path, "first", told.append, "cells")
    assert told == [*STAGES[:2], "sorting items into cells: 30 of 30", *STAGES[2:]]
    index = manifest(made)["index"]
    assert (index["kind"], index["recall"]) == ("cells", 1.0)


def test_the_default_id_is_made_of_data_set_model_and_time(
    trained: TrainingResult, world: IndexedDataset, tmp_path: Path
) -> None:
    made = make_release(trained.checkpoint, replace(world, name="../My films, 2024 (é)"), tmp_path)
    assert re.fullmatch(r"My-films-2024-ktup-\d{8}T\d{6}Z", made.name)
    assert made.parent == tmp_path
    assert load_release(made).manifest["release_id"] == made.name


@pytest.mark.parametrize("bad", ["a/b", "../a", "..", ".hidden", "a b", "-a", "ä", "x" * 101, "a\n"])
def test_a_bad_id_is_refused_before_anything_is_measured_or_written(
    bad: str, trained: TrainingResult, world: IndexedDataset, tmp_path: Path
) -> None:
    told: list[str] = []
    with pytest.raises(ReleaseError, match=r"^--id .*: expected letters, digits"):
        make_release(trained.checkpoint, world, tmp_path / "releases", bad, told.append)
    assert told == []
    assert list(tmp_path.iterdir()) == []


def test_c87_a_taken_id_is_refused_and_the_release_stays_as_it_is(
    made: Path, trained: TrainingResult, world: IndexedDataset
) -> None:
    before = manifest(made)
    with pytest.raises(ReleaseError, match="exists; a release is never overwritten"):
        make_release(trained.checkpoint, world, made.parent, "first")
    assert manifest(made) == before
    assert [path.name for path in made.parent.iterdir()] == ["first"]


def test_another_data_set_is_refused_with_both_hashes(trained: TrainingResult, tmp_path: Path) -> None:
    other = planted.indexed(interactions=planted.without("interactions", "valid"))
    with pytest.raises(ReleaseError, match=r"trained on data [0-9a-f]{12}…, but planted films is [0-9a-f]{12}…"):
        make_release(trained.checkpoint, other, tmp_path / "releases")
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_names_no_data_set_is_refused(
    trained: TrainingResult, world: IndexedDataset, tmp_path: Path
) -> None:
    loaded = load_checkpoint(trained.checkpoint)
    write_checkpoint(tmp_path / "nameless", "ktup", loaded.model, loaded.vocabularies, {})
    with pytest.raises(ReleaseError, match="trained on data unnamed"):
        make_release(tmp_path / "nameless", world, tmp_path / "releases")


@pytest.mark.parametrize("model", [{"name": "transe"}, {"name": "tup", "norm": "l2"}])
def test_a_model_of_one_task_alone_makes_no_release(model: dict[str, Any], world: IndexedDataset, folder: Path) -> None:
    result = planted.run(planted.config({**model, "embedding_size": 4}, epochs=1), world, folder)
    with pytest.raises(ReleaseError, match=f"{model['name']} does not"):
        make_release(result.checkpoint, world, folder / "releases")
    assert not (folder / "releases").exists()


def test_nothing_is_left_behind_when_writing_fails(
    trained: TrainingResult, world: IndexedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stored, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        make_release(trained.checkpoint, world, tmp_path / "releases", "first")
    assert list((tmp_path / "releases").iterdir()) == []


def test_a_task_without_test_rows_is_left_out_of_the_metrics(folder: Path) -> None:
    data = planted.indexed(triples=planted.without("triples", "test"))
    result = planted.run(planted.config(epochs=1), data, folder)
    metrics = measure_on_test(load_checkpoint(result.checkpoint), data)
    assert "completion" not in metrics
    assert metrics["recommendation"]["users"] == 42


def test_the_paper_protocol_can_be_asked_for_and_is_named(trained: TrainingResult, world: IndexedDataset) -> None:
    checkpoint = load_checkpoint(trained.checkpoint)
    strict, paper = (measure_on_test(checkpoint, world, protocol_name=name) for name in ("strict", "paper"))
    assert (strict["protocol"], paper["protocol"]) == ("strict", "paper")
    assert paper["completion"]["mean_rank"] == pytest.approx(strict["completion"]["mean_rank"] - 1)
    assert paper["recommendation"]["ndcg"] >= strict["recommendation"]["ndcg"]
    assert paper["recommendation"]["f1"] == strict["recommendation"]["f1"]


def test_what_was_trained_under_paper_has_no_strict_figures(world: IndexedDataset, folder: Path) -> None:
    result = planted.run(planted.config(epochs=1, protocol="paper"), world, folder)
    with pytest.raises(
        ReleaseError, match=r"under the paper protocol: .* no figure of it is one of the strict protocol"
    ):
        measure_on_test(load_checkpoint(result.checkpoint), world, protocol_name="strict")
    assert measure_on_test(load_checkpoint(result.checkpoint), world)["protocol"] == "paper"


@pytest.fixture(scope="module")
def held_out() -> IndexedDataset:
    """The planted world with 20 of its 60 facts in valid, 10 in test."""
    return planted.indexed(triples=planted.more_held_out())


@pytest.fixture(scope="module")
def probable(held_out: IndexedDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of it."""
    home = tmp_path_factory.mktemp("probable")
    result = planted.run(planted.config(epochs=2), held_out, home / "run")
    return make_release(result.checkpoint, held_out, home, "probable")


def test_a_release_has_a_calibration_that_is_measured_on_test(probable: Path, held_out: IndexedDataset) -> None:
    found = manifest(probable)["metrics"]["completion"]["calibration"]
    assert set(found) == {"candidates", "positives", "before", "after", "bins", "parts"}
    assert set(found["parts"]) == {"tail", "head", "first_ten", "not_seen_in_role"}
    assert 0 < found["positives"] <= 2 * 10
    for when in ("before", "after"):
        assert set(found[when]) == {"expected_calibration_error", "brier"}
        assert all(0 <= value <= 1 for value in found[when].values())
    checkpoint = load_checkpoint(probable / "model")
    metrics = measure_on_test(checkpoint, held_out)
    calibrated(checkpoint, held_out, metrics)
    assert metrics == manifest(probable)["metrics"]


def test_a_release_answers_with_probabilities_of_what_it_was_not_made_from(
    probable: Path, held_out: IndexedDataset
) -> None:
    loaded = load_release(probable)
    assert loaded.calibration is not None
    assert set(loaded.calibration.curves) == set(KINDS)
    known = np.concatenate([held_out.triples["train"], held_out.triples["valid"]])
    assert loaded.calibration.stored.triples.tolist() == np.unique(known, axis=0).tolist()
    assert loaded.calibration.sharpness == manifest(probable)["training"]["completion"]["sharpness"]


def test_with_too_few_validation_facts_a_release_has_no_calibration_and_no_figure(made: Path) -> None:
    assert load_release(made).calibration is None
    assert not (made / "calibration.safetensors").exists()
    assert "calibration" not in manifest(made)["metrics"]["completion"]


def test_a_model_that_scores_no_facts_has_no_calibration(held_out: IndexedDataset, folder: Path) -> None:
    settings = planted.config({"name": "bprmf", "embedding_size": 4}, epochs=1)
    checkpoint = load_checkpoint(planted.run(settings, held_out, folder).checkpoint)
    metrics: dict[str, Any] = {}
    assert (calibrated(checkpoint, held_out, metrics), metrics) == (None, {})


def test_people_are_told_both_errors_and_how_many_facts_they_rest_on() -> None:
    before, after = (
        {"expected_calibration_error": 0.0105, "brier": 0.003},
        {"expected_calibration_error": 6e-4, "brier": 0.0022},
    )
    found = {"candidates": 205200, "positives": 555, "before": before, "after": after, "bins": [], "parts": {}}
    metrics = {"completion": {"mrr": 0.25, "calibration": found}}
    assert calibration_rows(metrics) == [
        ("completion calibration error", "0.06 % (softmax alone: 1.05 %)"),
        ("completion brier score", "0.0022 (softmax alone: 0.0030)"),
        ("completion facts among candidates", "555 of 205,200"),
    ]
    assert calibration_rows({"completion": {"mrr": 0.25, "calibration": None}}) == []
    assert calibration_rows({}) == []


def test_a_cut_checkpoint_makes_no_release(trained: TrainingResult, world: IndexedDataset, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(trained.checkpoint, tmp_path / "copy"))
    (copy / "weights.safetensors").write_bytes((copy / "weights.safetensors").read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="cut or was altered"):
        make_release(copy, world, tmp_path / "releases")
    assert not (tmp_path / "releases").exists()
