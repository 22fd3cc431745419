"""Releases into an engine: whole before anything uses them, gone on with, replaced, and measured."""

from pathlib import Path

import numpy as np
import pytest

from app.vector_engine import loading
from app.vector_engine.configured import EngineChoice, through_engine
from app.vector_engine.engine import EngineAway
from app.vector_engine.loading import load
from models.release import load_release
from tests.faults import films
from tests.vector_engine.exact_engine import ExactEngine

NOBODY = np.empty(0, dtype=np.int64)


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    films.write_releases(tmp_path / "releases", ["a", "b"])
    return tmp_path / "releases"


def test_a_loaded_release_gives_the_lists_of_its_own_index(releases: Path) -> None:
    release, engine = load_release(releases / "a"), ExactEngine()
    told: list[tuple[str, int, int]] = []
    loaded = load(release, "a", engine, lambda *seen: told.append(seen))
    assert (loaded.release, loaded.items, loaded.recall) == ("a", 30, 1.0)
    assert engine.releases == {"a": loaded}
    assert ("items stored", 30, 30) in told
    searched, index = through_engine(release, "a", EngineChoice(engine, 3.0, "none"))
    for user in range(40):
        seen = np.arange(user % 7)
        own, by_engine = release.searcher.search(user, 10, seen), searched.searcher.search(user, 10, seen)
        assert by_engine.rows.tolist() == own.rows.tolist()
        assert by_engine.scores.tolist() == own.scores.tolist()
    assert index.problem() is None


def test_a_release_that_is_held_already_is_left_as_it_is(releases: Path) -> None:
    release, engine = load_release(releases / "a"), ExactEngine()
    first = load(release, "a", engine)
    assert load(release, "a", engine) == first
    assert engine.added == 30


def test_a_load_that_ended_goes_on_and_nothing_is_announced_before_it_is_whole(
    releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH", 4)
    release, engine = load_release(releases / "a"), ExactEngine(full_at=18)
    with pytest.raises(EngineAway, match="full"):
        load(release, "a", engine)
    # Four batches of 4 were stored; the fourth may have been cut short, so it is stored again: 30 - 12 are left.
    assert (engine.added, engine.releases) == (16, {})
    engine.full_at = None
    assert load(release, "a", engine).items == 30
    assert engine.added == 16 + 18


def test_another_release_of_the_same_name_takes_the_place_of_the_first_once_it_is_whole(
    releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other, engine = load_release(releases / "a"), load_release(releases / "b"), ExactEngine()
    before = load(first, "a", engine)
    engine.full_at = 40
    with pytest.raises(EngineAway):
        load(other, "a", engine)
    assert engine.releases == {"a": before}
    engine.full_at = None
    after = load(other, "a", engine)
    assert engine.releases == {"a": after}
    assert list(engine.vectors) == [after.collection] != [before.collection]


def test_a_release_that_nominees_cannot_serve_is_refused(releases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MOST", 10)
    monkeypatch.setattr(loading, "LEAST", 10)
    monkeypatch.setattr(ExactEngine, "nearest", lambda self, name, query, n, excluded: np.arange(n))
    with pytest.raises(ValueError, match=r"10 of 30 items hold .* of the true first 10, 99.5% are asked for"):
        load(load_release(releases / "a"), "a", ExactEngine())


def test_the_exact_lists_are_those_of_brute_force_in_pieces_of_any_size(
    releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PIECE", 7)
    release = load_release(releases / "a")
    found = loading.exact_lists(release.checkpoint.model, np.arange(40))
    exact = [release.searcher.brute_force(user, 10, NOBODY).rows.tolist() for user in range(40)]
    assert [rows.tolist() for rows in found] == exact
