"""What names items while the engine is away, how often it is asked then, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from app.errors import VectorEngineUnavailable
from app.vector_engine.configured import EngineChoice, fingerprint_of, through_engine
from app.vector_engine.index import EngineIndex
from app.vector_engine.loading import load
from models.release import Release, load_release
from models.retrieval.carried import Sample
from models.retrieval.nominations import IndexShape
from models.retrieval.search import Searcher
from tests.faults import films
from tests.vector_engine.exact_engine import ExactEngine

NOBODY = np.empty(0, dtype=np.int64)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    films.write_releases(tmp_path / "releases", ["a", "b"])
    return load_release(tmp_path / "releases" / "a")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def index_of(release: Release, engine: ExactEngine, clock: Clock, fallback: bool = True) -> EngineIndex:
    model = release.checkpoint.model
    shape = IndexShape.of(model, release.checkpoint.vocabularies["items"].content_hash)
    instead = (release.searcher.index, release.searcher.nominate) if fallback else None
    return EngineIndex(engine, "a", fingerprint_of(release), Sample.of(model), shape, 3.0, instead, clock)


def test_excluded_items_are_never_named_and_a_list_is_as_long_as_items_are_left(release: Release) -> None:
    engine = ExactEngine()
    load(release, "a", engine)
    searched, _ = through_engine(release, "a", EngineChoice(engine, 3.0, "none"))
    excluded = np.arange(26)
    assert sorted(searched.searcher.search(0, 10, excluded).rows.tolist()) == [26, 27, 28, 29]
    assert searched.searcher.search(0, 10, np.arange(30)).rows.tolist() == []


def test_while_it_is_away_the_index_of_the_release_answers_and_it_is_asked_once_in_a_while(release: Release) -> None:
    engine, clock = ExactEngine(), Clock()
    load(release, "a", engine)
    index = index_of(release, engine, clock)
    searcher = Searcher(release.checkpoint.model, index, 0)
    expected = release.searcher.search(5, 10, NOBODY).rows.tolist()
    assert searcher.search(5, 10, NOBODY).rows.tolist() == expected
    engine.away, engine.calls = "no route", 0
    for _ in range(20):
        assert searcher.search(5, 10, NOBODY).rows.tolist() == expected
    assert (engine.calls, index.problem()) == (1, "no route")
    clock.now += 3.0
    assert searcher.search(5, 10, NOBODY).rows.tolist() == expected
    assert engine.calls == 2
    engine.away = None
    assert index.problem() == "no route", "not asked again yet"
    clock.now += 3.0
    assert index.problem() is None
    engine.calls = 0
    searcher.search(5, 10, NOBODY)
    assert engine.calls == 1


def test_without_a_fallback_a_search_is_refused_with_the_reason(release: Release) -> None:
    engine, clock = ExactEngine(away="no route"), Clock()
    searcher = Searcher(release.checkpoint.model, index_of(release, engine, clock, fallback=False), 0)
    for _ in range(2):
        with pytest.raises(VectorEngineUnavailable, match="no route"):
            searcher.search(5, 10, NOBODY)
    assert engine.calls == 1


def test_a_release_that_was_not_loaded_or_is_another_one_says_what_to_do(release: Release, tmp_path: Path) -> None:
    engine, clock = ExactEngine(), Clock()
    index = index_of(release, engine, clock)
    assert index.problem() == "the engine does not hold release 'a': load it by `python -m app vectors load`"
    load(load_release(tmp_path / "releases" / "b"), "a", engine)
    clock.now += 3.0
    problem = index.problem()
    assert problem is not None
    assert "another release of the name 'a'" in problem
    load(release, "a", engine)
    clock.now += 3.0
    assert index.problem() is None


def test_an_engine_that_is_taken_away_while_nobody_asks_is_noticed_by_health(release: Release) -> None:
    engine, clock = ExactEngine(), Clock()
    load(release, "a", engine)
    index = index_of(release, engine, clock)
    assert index.problem() is None
    engine.away = "gone"
    assert index.problem() is None, "asked a moment ago"
    clock.now += 3.0
    assert index.problem() == "gone"
