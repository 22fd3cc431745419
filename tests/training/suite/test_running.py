"""A suite trains what is missing and nothing else, whatever happened before, and keeps what a report needs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.checkpoint import WEIGHTS, file_hash, load_checkpoint
from tests.training import planted
from tests.training.suite import killed_suite, small
from tests.training.suite.conftest import Finished
from training.data.indexed import IndexedDataset
from training.release import measure_on_test
from training.run_state import ResumeError
from training.suite.errors import SuiteError
from training.suite.result import RESULT, USERS, read_result, read_users
from training.suite.running import RUN, folder_of

ROOT = Path(__file__).parents[3]


def place_of(finished: Finished, system: str) -> Path:
    return folder_of(finished.folder, "small", system, 0)


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): file_hash(path) for path in folder.rglob("*") if path.is_file()}


def test_sources_are_trained_first_and_added_where_they_are_not_named(finished: Finished) -> None:
    assert list(finished.results) == small.ORDER
    assert [line for line in finished.told if line.endswith("training")] == [
        f"{system}, seed 0: training" for system in small.ORDER
    ]


def test_a_system_begins_from_the_checkpoints_of_its_own_seed(finished: Finished) -> None:
    manifest = load_checkpoint(place_of(finished, "ktup-soft") / RUN / "checkpoint").manifest
    assert [record["weights"] for record in manifest["warm_starts"]] == [
        finished.results[source].weights for source in ("tup-soft", "transh")
    ]


def test_a_result_says_what_was_asked_and_where_it_was_measured(finished: Finished, world: IndexedDataset) -> None:
    result = read_result(place_of(finished, "ktup-soft") / RESULT)
    assert result == finished.results["ktup-soft"]
    assert (result.system, result.seed, result.protocol, result.preset) == ("ktup-soft", 0, "paper", "small")
    assert (result.dataset.name, result.dataset.content_hash) == (world.name, world.content_hash)
    assert (result.settings["epochs"], result.settings["seed"]) == (2, 0)
    assert result.warm_starts == ("tup-soft", "transh")
    assert result.threads == 1
    assert result.machine.torch
    assert result.training_seconds > 0
    assert result.evaluation_seconds > 0


def test_a_result_has_the_epochs_of_its_run(finished: Finished) -> None:
    result, run = finished.results["ktup-soft"], place_of(finished, "ktup-soft") / RUN
    assert list(result.history) == json.loads((run / "history.json").read_text())
    assert result.epochs_run == 2
    assert result.best_epoch == load_checkpoint(run / "checkpoint").manifest["epoch"]


def test_the_test_figures_are_those_that_evaluate_gives(finished: Finished, world: IndexedDataset) -> None:
    for system in ("bprmf", "transe", "ktup-soft"):
        measured = measure_on_test(load_checkpoint(place_of(finished, system) / RUN / "checkpoint"), world)
        test = finished.results[system].test
        assert (test.recommendation, test.completion) == (measured.get("recommendation"), measured.get("completion"))


def test_all_triples_of_validation_are_ranked_even_if_training_looked_at_fewer(finished: Finished) -> None:
    completion = finished.results["transe"].valid.completion
    assert completion is not None
    assert completion["triples"] == 2  # e5 and e10


def test_values_of_users_average_to_the_figures_and_count_training_interactions(finished: Finished) -> None:
    users, test = read_users(place_of(finished, "ktup-soft")), finished.results["ktup-soft"].test.recommendation
    assert test is not None
    for metric in ("precision", "recall", "f1", "hit", "ndcg"):
        assert users[metric].mean() == pytest.approx(test[metric])
    assert users["users"].tolist() == [f"u{k}" for k in range(42)]
    assert set(users["train_interactions"].tolist()) == {7}  # six liked films and a stray one


def test_a_graph_model_has_no_figures_of_recommendation_and_no_users(finished: Finished) -> None:
    assert finished.results["transe"].test.recommendation is None
    assert not (place_of(finished, "transe") / USERS).exists()
    assert finished.results["bprmf"].test.completion is None


def test_a_finished_suite_is_left_as_it_is(finished: Finished, world: IndexedDataset) -> None:
    before, progress = files(finished.folder), small.Watching()
    assert small.run(small.request(finished.preset), world, finished.folder, progress) == finished.results
    assert progress.trained() == []
    assert files(finished.folder) == before


@pytest.fixture(scope="module")
def killed(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a suite that was killed by SIGKILL in a process of its own."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "tests.training.suite.killed_suite", str(finished.preset), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    return folder


def test_a_killed_suite_goes_on_and_ends_as_one_that_nobody_killed(
    killed: Path, finished: Finished, world: IndexedDataset
) -> None:
    done = {system: files(folder_of(killed, "small", system, 0)) for system in ("bprmf", "tup-soft")}
    spent = json.loads((folder_of(killed, "small", "transe", 0) / "seconds.json").read_text())["training"]
    progress = small.Watching()
    results = small.run(small.request(finished.preset), world, killed, progress)
    expected = [f"{killed_suite.KILLED}: resumed", "transh, seed 0: training", "ktup-soft, seed 0: training"]
    assert progress.trained() == expected
    assert {system: files(folder_of(killed, "small", system, 0)) for system in done} == done
    for system, result in finished.results.items():
        assert (results[system].weights, results[system].test) == (result.weights, result.test)
    assert results["transe"].training_seconds > spent > 0  # of both processes


@pytest.fixture
def copy(finished: Finished, world: IndexedDataset, tmp_path: Path) -> Path:
    """A suite with bprmf and tup-soft, to be changed."""
    small.run(small.request(finished.preset, ("tup-soft",)), world, tmp_path)
    return tmp_path


def test_a_run_that_was_killed_before_it_was_measured_is_measured_and_not_trained(
    copy: Path, finished: Finished, world: IndexedDataset
) -> None:
    (folder_of(copy, "small", "tup-soft", 0) / RESULT).unlink()
    progress = small.Watching()
    results = small.run(small.request(finished.preset, ("tup-soft",)), world, copy, progress)
    assert progress.trained() == []
    assert results["tup-soft"].test == finished.results["tup-soft"].test


def test_a_finished_run_of_other_settings_is_refused_with_both_and_nothing_changes(
    copy: Path, finished: Finished, world: IndexedDataset
) -> None:
    before = files(copy)
    changed = {"batch_size": 32, "model.embedding_size": 6}
    asked = small.request(finished.preset, ("tup-soft",), overrides=changed)
    with pytest.raises(SuiteError) as refused:
        small.run(asked, world, copy)
    told = str(refused.value)
    assert str(folder_of(copy, "small", "bprmf", 0) / RUN) in told
    assert "batch_size is 64 there and 32 here" in told
    assert "model.embedding_size is 8 there and 6 here" in told
    assert files(copy) == before


def test_a_finished_run_on_other_data_is_refused(copy: Path, finished: Finished) -> None:
    other = planted.indexed(interactions=planted.tables()["interactions"].head(-1))
    with pytest.raises(SuiteError, match=r"the data set is '[0-9a-f]{12}' there and '[0-9a-f]{12}' here"):
        small.run(small.request(finished.preset, ("tup-soft",)), other, copy)


def test_a_run_that_began_from_other_weights_is_refused(copy: Path, finished: Finished, world: IndexedDataset) -> None:
    manifest = folder_of(copy, "small", "bprmf", 0) / RUN / "checkpoint" / "manifest.json"
    values = json.loads(manifest.read_text())
    values["files"][WEIGHTS] = "0" * 64
    manifest.write_text(json.dumps(values))
    with pytest.raises(
        SuiteError, match=r"tup-soft.*its warm starts is \['[0-9a-f]{12}'\] there and \['000000000000'\]"
    ):
        small.run(small.request(finished.preset, ("tup-soft",)), world, copy)


def test_an_unfinished_run_of_other_settings_is_refused(finished: Finished, tmp_path: Path) -> None:
    source = folder_of(finished.folder, "small", "bprmf", 0) / RUN
    run = folder_of(tmp_path, "small", "bprmf", 0) / RUN
    run.mkdir(parents=True)
    (run / "state.safetensors").write_bytes((source / "state.safetensors").read_bytes())
    with pytest.raises(ResumeError, match="belongs to other settings"):
        small.run(small.request(finished.preset, ("bprmf",), overrides={"epochs": 3}), planted.indexed(), tmp_path)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def _add_a_field(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "surprise": 1}))


@pytest.mark.parametrize(
    ("spoil", "told"), [(_cut, "the file: "), (_add_a_field, "surprise: "), (Path.unlink, "no such file")]
)
def test_a_result_that_cannot_be_read_is_named_and_is_made_again(
    copy: Path, finished: Finished, world: IndexedDataset, spoil: Callable[[Path], None], told: str
) -> None:
    path = folder_of(copy, "small", "bprmf", 0) / RESULT
    spoil(path)
    with pytest.raises(SuiteError, match=told) as refused:
        read_result(path)
    assert str(path) in str(refused.value)
    small.run(small.request(finished.preset, ("bprmf",)), world, copy)
    assert read_result(path).weights == finished.results["bprmf"].weights


def test_cut_values_of_users_are_named(copy: Path) -> None:
    folder = folder_of(copy, "small", "bprmf", 0)
    _cut(folder / USERS)
    with pytest.raises(SuiteError, match=r"users\.npz cannot be read: .*; remove it and result\.json"):
        read_users(folder)
    np.savez(folder / USERS, users=np.array(["u1"]))
    with pytest.raises(SuiteError, match="train_interactions"):
        read_users(folder)
