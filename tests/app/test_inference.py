"""A release on disk as the service sees it: probabilities of missing facts, whatever else is asked for."""

import gc
import json
import weakref
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from app.cli import main
from app.errors import NotInRelease
from app.inference import FileReleaseStore, InferenceRelease
from app.ports import CompletionQuery
from app.ports_people import Person
from models.checkpoint import load_checkpoint, write_checkpoint
from models.interface import Sizes
from models.registry import build, config_from
from models.release import write_release
from models.retrieval.answers import Answers
from models.retrieval.calibration import KINDS, Calibration, Curve
from models.retrieval.index import PreferenceIndex
from models.retrieval.roles import Roles
from models.vocabulary import Vocabulary

N = 12
VOCABULARIES = {
    "users": Vocabulary(["u"]),
    "items": Vocabulary(["i"]),
    "entities": Vocabulary(f"e{k}" for k in range(N)),
    "relations": Vocabulary(["r0", "r1"]),
}
# e0 -r0-> e1 .. e9, of which e1 and e2 are known for e0; e10 and e11 were never tails of r0.
TRIPLES = np.array([[0, 0, 1], [0, 0, 2], *([3, 0, k] for k in range(1, 10))])
TAILS = CompletionQuery("e0", "r0", None)


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """`plain` has no calibration, `calibrated` has one; same weights."""
    sizes = Sizes(1, 1, N, 2, torch.tensor([0]))
    config = config_from("ktup-soft", {"embedding_size": 4})
    model = build("ktup-soft", config, sizes, torch.Generator().manual_seed(0))
    write_checkpoint(
        tmp_path / "checkpoint", "ktup-soft", model, VOCABULARIES, {"dataset": {"name": "d", "content_hash": "0"}}
    )
    curves = {
        kind: Curve(*(torch.full((2,), number, dtype=torch.float64) for number in (1.0, 0.1, 0.2, 0.0)))
        for kind in KINDS
    }
    index = PreferenceIndex.build(load_checkpoint(tmp_path / "checkpoint").model, VOCABULARIES["items"].content_hash)
    checkpoint = {"model": {"name": "ktup-soft"}, "dataset": {"name": "d", "content_hash": "0"}, "counts": {}}
    values = {"created_at": "2026-01-01T00:00:00Z", "metrics": {}, "index": {"nominate": 1}, **checkpoint}
    for name, calibration in (("plain", None), ("calibrated", Calibration(5.0, Answers(TRIPLES, 2), curves))):
        path = tmp_path / "releases" / name
        write_release(path, tmp_path / "checkpoint", index, Roles.of_triples(TRIPLES, 2), values, calibration)
    return tmp_path / "releases"


@pytest.fixture
def calibrated(releases: Path) -> InferenceRelease:
    return FileReleaseStore(releases).load("calibrated")


def probabilities(release: InferenceRelease, query: CompletionQuery = TAILS, **options: object) -> dict[str, float]:
    options = {"limit": N, "type_check": False, **options}
    return {c.id: c.probability for c in release.complete(query, **options)}  # type: ignore[arg-type, misc]


def test_without_a_calibration_there_are_no_probabilities(releases: Path) -> None:
    plain = FileReleaseStore(releases).load("plain")
    assert set(probabilities(plain).values()) == {None}
    assert len(probabilities(plain)) == N


def test_missing_facts_have_one_each_and_those_the_release_was_made_from_have_none(
    calibrated: InferenceRelease,
) -> None:
    found = probabilities(calibrated)
    assert {name for name, p in found.items() if p is None} == {"e1", "e2"}
    others = [p for p in found.values() if p is not None]
    assert len(set(others)) == N - 2
    assert all(0 < p < 1 for p in others)


def test_neither_limit_nor_exclusion_nor_type_check_changes_a_probability(calibrated: InferenceRelease) -> None:
    whole = probabilities(calibrated)
    for options in ({"limit": 1}, {"limit": 3}, {"type_check": True}, {"exclude": ["e1", "e2", "e5", "none"]}):
        found = probabilities(calibrated, **options)
        assert 0 < len(found) < N
        assert found == {name: whole[name] for name in found}
    assert probabilities(calibrated) == whole


def test_candidates_of_one_kind_stand_in_the_order_of_their_probability(calibrated: InferenceRelease) -> None:
    for query in (TAILS, CompletionQuery(None, "r0", "e5"), CompletionQuery("e4", "r1", None)):
        found = calibrated.complete(query, N, type_check=False)
        for kind in (True, False):
            of_kind = [c.probability for c in found if c.type_ok is kind and c.probability is not None]
            assert all(first > second for first, second in pairwise(of_kind))


def test_heads_have_probabilities_and_relations_have_none(calibrated: InferenceRelease) -> None:
    heads = probabilities(calibrated, CompletionQuery(None, "r0", "e1"))
    assert {name for name, p in heads.items() if p is None} == {"e0", "e3"}
    assert set(probabilities(calibrated, CompletionQuery("e0", None, "e1")).values()) == {None}


def test_a_release_that_nobody_holds_any_more_is_freed_without_a_collection(releases: Path) -> None:
    # A server sets aside what it read at its start: a collection would never find a release that holds itself.
    gc.disable()
    try:
        release = FileReleaseStore(releases).load("calibrated")
        release.recommend("u", 1)
        release.attribute("u", ["i"])
        release.people.recommend(Person(None, ["i"], {}), 1)
        probabilities(release)
        left = [weakref.ref(one) for one in (release, release.people, release._release.checkpoint.model)]
        del release
        assert [one() for one in left] == [None, None, None]
    finally:
        gc.enable()


def test_users_that_are_looked_up_are_served_like_those_in_memory(tmp_path: Path, releases: Path) -> None:
    manifest = json.loads((releases / "plain" / "manifest.json").read_text())
    values = {name: manifest[name] for name in ("created_at", "metrics", "index", "model", "dataset", "counts")}
    model = load_checkpoint(tmp_path / "checkpoint").model
    index = PreferenceIndex.build(model, VOCABULARIES["items"].content_hash)
    roles = Roles.of_triples(TRIPLES, 2)
    write_release(releases / "looked-up", tmp_path / "checkpoint", index, roles, values, users="lookup")
    expected = FileReleaseStore(releases).load("plain")
    for store in (FileReleaseStore(releases), FileReleaseStore(releases, "memory")):
        found = store.load("looked-up")
        assert (found.knows_user("u"), found.knows_user("v")) == (True, False)
        assert found.recommend("u", 5) == expected.recommend("u", 5)
        assert found.recommend_many(["u"], 5, [["i"]]) == [[]]
        assert found.attribute("u", ["i"]) == expected.attribute("u", ["i"])
        person = Person("u", ["i"], {"r0": 0.5})
        assert found.people.recommend(person, 5) == expected.people.recommend(person, 5)
        with pytest.raises(NotInRelease):
            found.recommend("v", 5)


def test_a_check_reads_what_a_start_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], releases: Path
) -> None:
    monkeypatch.setenv("KTUP_RELEASES_DIR", str(releases))
    monkeypatch.setattr("sys.argv", ["app", "check-release", "plain"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code or 0, "plain is whole" in capsys.readouterr().out) == (0, True)
    weights = releases / "plain" / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "weights.safetensors is cut or was altered" in capsys.readouterr().err
