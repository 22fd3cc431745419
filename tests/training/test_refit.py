"""A refit learns from validation too, for as long as validation had chosen, and chooses nothing."""

from pathlib import Path

import pytest

from models.checkpoint import CheckpointError, load_checkpoint, read_manifest
from models.release import CALIBRATION
from tests.training import planted
from tests.training.planted import CPU, KTUP, Quiet
from training.config import ConfigError
from training.data.indexed import IndexedDataset
from training.evaluation.protocol import STRICT
from training.evaluation.recommendation import most_popular
from training.objectives import objectives_of
from training.refit import check_same_data, learnt_by, refit_config, with_validation_in_training
from training.release import ReleaseError, make_release, measure_on_test
from training.trainer import TrainingResult, new_model, train


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    config = planted.config(KTUP, epochs=4, validation={"every": 2})
    return planted.run(config, planted.indexed(), tmp_path_factory.mktemp("refit") / "run")


def test_validation_rows_move_behind_training_and_test_stays_as_it_is() -> None:
    world = planted.indexed()
    moved = with_validation_in_training(world)
    counts = {split: len(rows) for split, rows in world.interactions.items()}
    assert {split: len(rows) for split, rows in moved.interactions.items()} == {
        "train": counts["train"] + counts["valid"],
        "valid": 0,
        "test": counts["test"],
    }
    assert moved.interactions["train"][counts["train"] :].tolist() == world.interactions["valid"].tolist()
    assert moved.triples is world.triples


def test_validation_facts_move_too_where_that_is_asked_for() -> None:
    world = planted.indexed()
    moved = with_validation_in_training(world, facts=True)
    train, valid = world.triples["train"], world.triples["valid"]
    assert moved.triples["train"].tolist() == [*train.tolist(), *valid.tolist()]
    assert len(moved.triples["valid"]) == 0
    assert moved.triples["test"] is world.triples["test"]


def test_a_refit_takes_the_epochs_that_validation_chose_and_validates_nothing(
    chosen: TrainingResult, folder: Path
) -> None:
    config = refit_config(chosen.checkpoint, [])
    result = train(config, planted.indexed(), folder, CPU, Quiet())
    assert len(result.history) == chosen.best_epoch
    assert not any("valid" in record for record in result.history)
    manifest = read_manifest(result.checkpoint)
    assert manifest["selected_on"] == "last epoch"
    assert learnt_by(manifest) == "train+valid"
    assert learnt_by(read_manifest(chosen.checkpoint)) == "train"
    assert manifest["training"] == {
        **read_manifest(chosen.checkpoint)["training"],
        "refit": True,
        "refit_facts": True,
        "stop_epoch": chosen.best_epoch,
    }


def test_a_validation_item_is_no_negative_of_a_refit(world: IndexedDataset) -> None:
    items, _ = objectives_of(
        new_model(planted.config(), world),
        planted.config(recommendation={"loss": "listwise"}),
        with_validation_in_training(world),
        STRICT.negatives_avoid,
        CPU,
    )
    assert items is not None
    user, item = world.interactions["valid"][0]
    assert item in items.known[user]  # type: ignore[index]


def test_a_refit_of_a_refit_is_refused(chosen: TrainingResult, folder: Path) -> None:
    again = train(refit_config(chosen.checkpoint, []), planted.indexed(), folder, CPU, Quiet())
    with pytest.raises(ConfigError, match="is a refit already"):
        refit_config(again.checkpoint, [])


def test_a_refit_is_of_the_rows_that_its_epochs_were_chosen_on(chosen: TrainingResult) -> None:
    check_same_data(chosen.checkpoint, planted.indexed())
    other = planted.indexed(interactions=planted.without("interactions", "valid"))
    with pytest.raises(ConfigError, match=r"was trained on planted films [0-9a-f]{12}, not on planted films [0-9a-f]"):
        check_same_data(chosen.checkpoint, other)


def test_a_refit_of_a_release_is_told_where_the_checkpoint_is(chosen: TrainingResult, folder: Path) -> None:
    made = make_release(chosen.checkpoint, planted.indexed(), folder / "releases", "chosen")
    with pytest.raises(CheckpointError, match="this is a release; its checkpoint is the folder 'model' in it"):
        refit_config(made, [])
    assert refit_config(made / "model", []).stop_epoch == chosen.best_epoch


def test_a_refit_asks_for_what_its_checkpoint_began_from(chosen: TrainingResult, folder: Path) -> None:
    with pytest.raises(ConfigError, match="began from nothing; name as many"):
        refit_config(chosen.checkpoint, [chosen.checkpoint])
    tup = {"name": "tup", "embedding_size": KTUP["embedding_size"], "n_preferences": 2, "norm": KTUP["norm"]}
    source = planted.run(planted.config(tup, epochs=1), planted.indexed(), folder / "tup")
    config = planted.config(epochs=1)
    warm = train(config, planted.indexed(), folder / "ktup", CPU, Quiet(), warm_starts=[source.checkpoint])
    with pytest.raises(ConfigError, match="began from tup; name as many"):
        refit_config(warm.checkpoint, [])


def test_a_release_of_a_refit_takes_probabilities_from_the_checkpoint_that_did_not_see_their_facts(
    chosen: TrainingResult, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.evaluation.calibration.LEAST_FACTS", 1)
    world = planted.indexed()
    refit = train(refit_config(chosen.checkpoint, []), world, folder / "run", CPU, Quiet())
    with pytest.raises(ReleaseError, match="name the checkpoint it came from by --probabilities-of"):
        make_release(refit.checkpoint, world, folder / "releases", "refit")
    with pytest.raises(ReleaseError, match="it learnt from the validation facts, too"):
        make_release(refit.checkpoint, world, folder / "releases", "refit", probabilities_of=refit.checkpoint)
    assert not (folder / "releases").exists()
    made = make_release(refit.checkpoint, world, folder / "releases", "refit", probabilities_of=chosen.checkpoint)
    before = make_release(chosen.checkpoint, world, folder / "releases", "chosen")
    assert (made / CALIBRATION).read_bytes() == (before / CALIBRATION).read_bytes()
    measured = [read_manifest(path)["metrics"]["completion"]["calibration"] for path in (made, before)]
    assert measured[0] != measured[1]


def test_a_refit_without_facts_has_probabilities_of_its_own(
    chosen: TrainingResult, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.evaluation.calibration.LEAST_FACTS", 1)
    world = planted.indexed()
    refit = train(refit_config(chosen.checkpoint, [], facts=False), world, folder / "run", CPU, Quiet())
    assert (make_release(refit.checkpoint, world, folder / "releases", "refit") / CALIBRATION).is_file()
    assert learnt_by(read_manifest(refit.checkpoint)) == "train+valid interactions"


def test_the_most_popular_beside_a_refit_are_those_of_what_it_learnt_from(chosen: TrainingResult, folder: Path) -> None:
    world = planted.indexed()
    refit = train(refit_config(chosen.checkpoint, []), world, folder, CPU, Quiet())
    before, after = (measure_on_test(load_checkpoint(result.checkpoint), world) for result in (chosen, refit))
    assert before["most_popular"] == most_popular(world, "test", STRICT, 10).means()
    moved = with_validation_in_training(world)
    assert after["most_popular"] == most_popular(moved, "test", STRICT, 10).means() != before["most_popular"]
    assert after["most_popular"]["users"] == before["most_popular"]["users"]
