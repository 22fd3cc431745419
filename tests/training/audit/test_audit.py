"""The audit of a release: what it says is what comes out when it is tried, and it is written once."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from models.checkpoint import load_checkpoint
from models.explanation.places import Place
from models.release import load_release
from models.release_audit import read_audit
from tests.training import planted
from training.audit.pairs import Examined, Examiner
from training.audit.people import first_relation, planted_truth, read_planted
from training.audit.run import audit, write_audit
from training.audit.summary import summarise
from training.cli import app
from training.data.errors import DatasetError
from training.data.indexed import IndexedDataset
from training.release import ReleaseError, make_release
from training.trainer import TrainingResult


@pytest.fixture(scope="module")
def released(world: IndexedDataset, trained: TrainingResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_release(trained.checkpoint, world, tmp_path_factory.mktemp("releases"), "audited")


@pytest.fixture(scope="module")
def examiner(released: Path, world: IndexedDataset) -> Examiner:
    return Examiner(load_release(released), world)


@pytest.fixture(scope="module")
def examined(examiner: Examiner) -> list[Examined]:
    generator = np.random.default_rng(0)
    return [examiner.examine(user, item, generator) for user, item in examiner.sample(12, generator)]


def test_pairs_are_listed_items_of_different_users_who_met_two(examiner: Examiner) -> None:
    sample = examiner.sample(10, np.random.default_rng(3))
    assert len({user for user, _ in sample}) == len(sample) == 10
    for user, item in sample:
        assert len(examiner.seen[user]) >= 2
        assert item in examiner.release.searcher.search(user, 10, examiner.seen[user]).rows
    assert sample == examiner.sample(10, np.random.default_rng(3))
    assert sample != examiner.sample(10, np.random.default_rng(4))


def test_what_is_told_of_a_pair_is_what_the_model_says(
    examiner: Examiner, examined: list[Examined], trained: TrainingResult
) -> None:
    model = load_checkpoint(trained.checkpoint).model.double()
    for one in examined:
        scores = model.score_items(torch.tensor([one.user]))[0].detach().numpy()
        open_ = [row for row in range(len(scores)) if row not in examiner.seen[one.user]]
        assert one.reason.place.score == pytest.approx(scores[one.item], abs=1e-5)
        assert one.reason.place.rank == 1 + sum(scores[row] > scores[one.item] for row in open_)
        assert one.reason.rebuilt == pytest.approx(one.reason.place.score, abs=1e-5)
        assert one.random != one.reason.named


def test_every_claim_of_a_sound_release_holds(examined: list[Examined]) -> None:
    assert all(one.all_stored and one.stable for one in examined)
    found = [one for one in examined if one.reason.remove]
    assert found
    assert all(one.verified and one.minimal for one in found)


def test_a_false_claim_lowers_its_figure(examined: list[Examined], world: IndexedDataset) -> None:
    whole = summarise(examined, world)
    first = next(k for k, one in enumerate(examined) if one.reason.remove)
    broken = list(examined)
    broken[first] = replace(examined[first], all_stored=False, verified=False, minimal=False, stable=False)
    figures, n = summarise(broken, world), len(examined)
    assert whole["stable"] == whole["evidence"]["all_stored"] == whole["counterfactual"]["verified"] == 1.0
    assert figures["stable"] == figures["evidence"]["all_stored"] == pytest.approx((n - 1) / n)
    assert figures["counterfactual"]["verified"] == figures["counterfactual"]["minimal"] < 1.0


def test_masking_is_told_pair_by_pair(examined: list[Examined], world: IndexedDataset) -> None:
    # Named masked: 3, 4 and 5 ranks lost. Random: 1 each. All differences are above 0: W = 6 of 6, p = 2/8.
    pairs = [
        replace(
            one,
            reason=replace(one.reason, place=Place(-1.0, 1), without=Place(-2.0, 4 + k), only=Place(-1.5, 3)),
            random_without=Place(-1.25, 2),
            random_only=Place(-3.0, 11),
        )
        for k, one in enumerate(examined[:3])
    ]
    figures = summarise(pairs, world)
    ranks = figures["masking"]["rank_drop"]
    assert (ranks["named_mean"], ranks["random_mean"], ranks["test"]) == (
        4.0,
        1.0,
        {"pairs": 3, "positive": 3, "w": 6.0, "p": 0.25},
    )
    assert figures["masking"]["score_drop"]["named_mean"] == 1.0
    assert (figures["sufficiency"]["named_in_list"], figures["sufficiency"]["random_in_list"]) == (1.0, 0.0)


def test_status_needs_a_tie_under_the_named_preference_and_a_fall(examined: list[Examined]) -> None:
    one = examined[0].reason
    fall = replace(one, drops=(("i", 0.1),), place=Place(-1.0, 1), without=Place(-1.1, 1))
    assert fall.grounded
    assert replace(fall, without=Place(-1.0, 2)).grounded
    assert not replace(fall, without=Place(-0.9, 1)).grounded
    assert not replace(fall, drops=()).grounded


def test_planted_truth_counts_people_whose_first_relation_it_is(examiner: Examiner) -> None:
    users, relations = examiner.dataset.users, examiner.dataset.relations
    right = {users.id(user): relations.id(first_relation(examiner, user)) for user in range(4)}
    wrong = {users.id(user): relations.id((first_relation(examiner, user) + 1) % 2) for user in range(4, 8)}
    assert planted_truth(examiner, right)["profile"] == 1.0
    mixed = planted_truth(examiner, {**right, **wrong, "unheard-of": relations.id(0)})
    assert mixed["people"] == 8
    assert mixed["profile"] == pytest.approx(0.5)


def test_planted_truth_leaves_out_people_without_a_history(examiner: Examiner) -> None:
    users, relations = examiner.dataset.users, examiner.dataset.relations
    right = {users.id(user): relations.id(first_relation(examiner, user)) for user in range(4)}
    found = planted_truth(examiner, {**right, "silent": relations.id(0)})
    assert (found["people"], found["profile"]) == (4, 1.0)


def test_nothing_is_named_most_often_where_nothing_is_left_to_list(released: Path, world: IndexedDataset) -> None:
    everything = planted.rows(*((0, item) for item in range(len(world.items))))
    met = replace(world, interactions={**world.interactions, "train": everything})
    found = planted_truth(Examiner(load_release(released), met), {world.users.id(0): world.relations.id(0)})
    assert (found["people"], found["lists"]) == (1, 0.0)


def test_what_was_planted_is_read_or_refused_by_line(tmp_path: Path) -> None:
    path = tmp_path / "planted.csv"
    path.write_text("user_id,relation_id,entity_ids\nu1,director,a|b\n", encoding="utf-8")
    assert read_planted(path) == {"u1": "director"}
    path.write_text("user_id,relation_id\r\nu1,director\r\n", encoding="utf-8-sig", newline="")  # as Windows saves it
    assert read_planted(path) == {"u1": "director"}
    for text, told in (
        ("user,relation\n", ":1: expected the columns user_id and relation_id"),
        ("user_id,relation_id\nu1,\n", ":2: expected a user_id and a relation_id"),
        ("user_id,relation_id\nu1,a\nu1,b\n", ":3: user_id 'u1' stands there before"),
        ("user_id,relation_id\nu1,Zoë\n", ":2: expected UTF-8, found the byte 0xeb"),
        (f"user_id,relation_id\nu1,{'a' * 200_000}\n", ":2: field larger than field limit"),
    ):
        path.write_text(text, encoding="latin-1")
        with pytest.raises(DatasetError, match=told):
            read_planted(path)


def test_an_audit_joins_the_release_once_and_the_release_still_loads(released: Path, world: IndexedDataset) -> None:
    assert read_audit(released) is None
    steps: list[tuple[int, int, int]] = []
    figures = audit(released, world, 4, (0, 1), {}, lambda *step: steps.append(step))
    assert steps[0] == (0, 0, 4)
    assert steps[-1] == (1, 4, 4)
    folder = write_audit(figures, released)
    names = {path.name for path in folder.iterdir()}
    assert names == {"audit.json", "audit.md", "masking.png", "masking.svg", "relations.png", "relations.svg"}
    assert read_audit(released) == json.loads(json.dumps(figures))
    assert figures["all"]["pairs"] == 8
    load_release(released)
    with pytest.raises(ReleaseError, match="an audit is never overwritten"):
        write_audit(figures, released)
    assert figures == audit(released, world, 4, (0, 1), {})
    text = (folder / "audit.md").read_text("utf-8")
    assert "seed 1" in text
    assert "told twice, the same bytes | 100.0 %" in text


def test_the_command_and_a_release_with_an_audit_leave_a_report_in_the_release(
    trained: TrainingResult, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    planted.dataset().save(data)
    asked = ["release", "--data", str(data), "--checkpoint", str(trained.checkpoint), "--releases", str(tmp_path)]
    found = CliRunner().invoke(app, [*asked, "--id", "r", "--audit"])
    assert found.exit_code == 0, found.output
    figures = read_audit(tmp_path / "r") or {}
    # 42 people met two films, and no seed draws anybody twice.
    assert (figures["seeds"], figures["all"]["pairs"]) == ([0, 1, 2], 126)
    again = CliRunner().invoke(app, ["audit", "--data", str(data), "--release", str(tmp_path / "r")])
    assert again.exit_code == 2
    assert "an audit is never overwritten" in again.output


def test_a_release_of_other_data_is_refused(released: Path, world: IndexedDataset) -> None:
    with pytest.raises(ReleaseError, match="was made of data"):
        audit(released, replace(world, content_hash="0" * 64), 2)


def test_an_audit_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "audit.json").write_text("{", encoding="utf-8")
    assert read_audit(tmp_path) is None


def test_a_place_that_takes_no_audit_is_told_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    asked = ["audit", "--data", str(tmp_path), "--release", str(tmp_path), "--out", str(tmp_path / "file" / "audit")]
    found = CliRunner().invoke(app, asked)
    assert found.exit_code == 2
    assert "audit cannot be made: " in found.output


def test_a_seed_below_zero_is_a_usage_error(tmp_path: Path) -> None:
    asked = ["audit", "--data", str(tmp_path), "--release", str(tmp_path), "--seed", "1", "--seed", "-1"]
    found = CliRunner().invoke(app, asked)
    assert found.exit_code == 2
    assert "--seed" in found.output


def test_the_command_ends_with_one_message_where_there_is_no_release(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["audit", "--data", str(tmp_path), "--release", str(tmp_path / "none")])
    assert found.exit_code == 2
    assert "Traceback" not in found.output
