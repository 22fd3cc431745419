"""Reasons in full on a release on disk: every one of them holds when it is tried by other calls."""

# ruff: noqa: F811
import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import ReleaseRefused
from app.inference import FileReleaseStore, InferenceRelease
from app.ports import Tie
from app.ports_people import Person
from app.ports_reasons import Counterfactual, Tied
from tests.app.test_inference_people import HISTORY, ids, release  # noqa: F401


def test_full_reasons_hold_when_they_are_tried(release: InferenceRelease) -> None:
    people = release.people
    for person in (Person("ann", HISTORY), Person(None, HISTORY), Person("bob", HISTORY, {"genre": 0.5})):
        items = ids(people.recommend(person, 5, HISTORY))
        tied = [
            Tied(a, [Tie(a.item_id, old, a.preferences[0].relation_id, (), 1) for old in (*HISTORY, "unheard-of")])
            for a in people.attribute(person, items)
        ]
        found = people.full_reasons(person, tied, 5, HISTORY)
        relations = ["director", "genre", "writer"]
        standings = people.standings(person, items, relations, HISTORY)
        folded = person.user_id is None
        for one, standing in zip(found, standings, strict=True):
            assert one.place == standing.place
            assert one.rebuilt == pytest.approx(standing.place.score, abs=1e-5)
            for relation in relations:
                masked, expected = one.without[relation], standing.without[relation]
                assert masked.rank == expected.rank
                assert masked.score == pytest.approx(expected.score)
            assert one.only.keys() == set(relations)
            assert (one.margin is None) == (release.explainer.attribute("ann", items)[0].mode == "soft")
            assert set(one.drops) == set(HISTORY)
            for old, drop in one.drops.items() if folded else ():
                rest = replace(person, history=[item for item in HISTORY if item != old])
                scores = [people.standings(p, [one.item_id])[0].place.score for p in (person, rest)]
                assert drop == pytest.approx(scores[0] - scores[1])
            drops = [one.drops.get(tie.history_item, float("-inf")) for tie in one.ties]
            assert drops == sorted(drops, reverse=True)
            taken = one.counterfactual
            assert one.place.rank == taken.reference_rank
            if taken.minimal and folded:
                rest = replace(person, history=[item for item in HISTORY if item not in taken.remove])
                rank = people.standings(rest, [one.item_id], (), HISTORY)[0].place.rank
                assert rank == taken.rank
            if taken.minimal:
                assert (taken.rank or 0) > 5 >= (taken.reference_rank or 0)


def test_who_has_no_history_that_the_release_knows_has_nothing_to_take_back(release: InferenceRelease) -> None:
    person = Person("ann", ("unheard-of",))
    (attribution,) = release.people.attribute(person, ["i5"])
    (found,) = release.people.full_reasons(person, [Tied(attribution, [])], 5)
    assert (found.drops, found.counterfactual) == ({}, Counterfactual(reason="too_few_actions"))


def test_an_audit_in_the_folder_of_a_release_is_listed_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    folder.mkdir()
    manifest = {"format_version": 1, "kind": "release", "release_id": "r", "created_at": "2026-01-01T00:00:00+00:00"}
    manifest |= {"model": {"name": "m"}, "dataset": {"name": "d", "content_hash": "0"}, "metrics": {}, "counts": {}}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "index": {}, "files": {}}), encoding="utf-8")
    store = FileReleaseStore(tmp_path)
    assert [(info.problem, info.extra["audit"]) for info in store.list()] == [(None, None)]
    (folder / "audit").mkdir()
    (folder / "audit" / "audit.json").write_text('{"all": {"pairs": 3}}', encoding="utf-8")
    assert store.list()[0].extra["audit"] == {"all": {"pairs": 3}}


def test_what_is_wrong_with_a_release_is_told_without_where_releases_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(directory: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(directory / "roles.safetensors"))

    store = FileReleaseStore(tmp_path)
    (tmp_path / "mine").mkdir()
    with pytest.raises(ReleaseRefused) as caught:
        store.load("mine")
    assert caught.value.reason == "mine: manifest.json is missing"
    assert [info.problem for info in store.list()] == ["mine: manifest.json is missing"]
    monkeypatch.setattr("app.inference.load_release", locked)
    with pytest.raises(ReleaseRefused) as caught:
        store.load("mine")
    assert caught.value.reason == "[Errno 13] Permission denied: 'mine/roles.safetensors'"
