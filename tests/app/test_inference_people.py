"""People on a release on disk: folded in, steered, told why not, by external ids."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.errors import NotInRelease
from app.inference import FileReleaseStore, InferenceRelease
from app.inference_people import People
from app.ports_people import Person, PersonScorer
from models.checkpoint import load_checkpoint, write_checkpoint
from models.interface import Sizes
from models.registry import build, config_from
from models.release import write_release
from models.retrieval.index import PreferenceIndex
from models.retrieval.roles import Roles
from models.vocabulary import Vocabulary

ITEMS, ENTITIES = 40, 45
VOCABULARIES = {
    "users": Vocabulary(["ann", "bob"]),
    "items": Vocabulary(f"i{k}" for k in range(ITEMS)),
    "entities": Vocabulary(f"e{k}" for k in range(ENTITIES)),
    "relations": Vocabulary(["director", "genre", "writer"]),
}
TRIPLES = np.array([[k, k % 3, 40 + k % 5] for k in range(ITEMS)])
HISTORY = ("i3", "i8", "i21")


@pytest.fixture(scope="module", params=["soft", "hard"])
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> InferenceRelease:
    folder: Path = tmp_path_factory.mktemp(request.param)
    name, alignment = f"ktup-{request.param}", torch.arange(ITEMS)
    config = config_from(name, {"embedding_size": 8, "norm": "l2", "combine": "mean"})
    model = build(name, config, Sizes(2, ITEMS, ENTITIES, 3, alignment), torch.Generator().manual_seed(0))
    dataset = {"name": "d", "content_hash": "0"}
    extra: dict[str, Any] = {"dataset": dataset, "training": {"recommendation": {"sharpness": 4.0}}}
    write_checkpoint(folder / "checkpoint", name, model, VOCABULARIES, extra)
    index = PreferenceIndex.build(load_checkpoint(folder / "checkpoint").model, VOCABULARIES["items"].content_hash)
    values = {"created_at": "2026-01-01T00:00:00Z", "metrics": {}, "index": {"nominate": ITEMS}, "counts": {}}
    values |= {"model": {"name": name}, "dataset": dataset}
    write_release(folder / "releases" / "r", folder / "checkpoint", index, Roles.of_triples(TRIPLES, 3), values)
    return FileReleaseStore(folder / "releases").load("r")


def ids(items: Any) -> list[str]:
    return [item.item_id for item in items]


def test_it_keeps_the_port(release: InferenceRelease) -> None:
    port: PersonScorer = release.people
    assert isinstance(port, People)


@pytest.mark.parametrize("multipliers", [{}, {"genre": 1.0}, {"unheard-of": 0.0}])
def test_a_user_without_steering_gets_the_very_list_of_the_release(
    release: InferenceRelease, multipliers: dict[str, float]
) -> None:
    found = release.people.recommend(Person("ann", HISTORY, multipliers), 10, HISTORY)
    assert found == release.recommend("ann", 10, HISTORY)


def test_a_steered_list_is_ranked_by_the_steered_scores_and_deleting_the_steering_restores_it(
    release: InferenceRelease,
) -> None:
    plain = release.people.recommend(Person("ann"), 10)
    steered = release.people.recommend(Person("ann", multipliers={"genre": 0.0}), ITEMS)
    assert {item.item_id: item.score for item in steered} != {item.item_id: item.score for item in plain}
    attributed = release.people.attribute(Person("ann", multipliers={"genre": 0.0}), ids(steered))
    assert [a.score for a in attributed] == pytest.approx([item.score for item in steered], abs=1e-12)
    assert all(next(p for p in a.preferences if p.relation_id == "genre").weight == 0 for a in attributed)
    assert release.people.recommend(Person("ann"), 10) == plain


def test_reasons_of_a_user_are_those_of_the_release(release: InferenceRelease) -> None:
    found, expected = release.people.attribute(Person("bob"), ["i0", "i5"]), release.attribute("bob", ["i0", "i5"])
    for one, other in zip(found, expected, strict=True):
        assert (one.item_id, one.mode, one.score) == (other.item_id, other.mode, other.score)
        assert one.score_without_top == pytest.approx(other.score_without_top, abs=1e-12)
        assert [p.relation_id for p in one.preferences] == [p.relation_id for p in other.preferences]
        assert [p.weight for p in one.preferences] == pytest.approx([p.weight for p in other.preferences])


def test_a_new_user_and_an_anonymous_one_with_the_same_history_are_the_same_person(release: InferenceRelease) -> None:
    people = release.people
    assert people.is_folded_in(Person("new", HISTORY))
    assert not people.is_folded_in(Person("ann", HISTORY))
    found = people.recommend(Person("new", HISTORY), 5, HISTORY)
    assert found == people.recommend(Person(None, [*HISTORY[::-1], "no such item"]), 5, HISTORY)
    assert not set(ids(found)) & set(HISTORY)


def test_who_has_neither_a_vector_nor_a_known_item_is_not_in_the_release(release: InferenceRelease) -> None:
    for person in (Person("new"), Person(None, ["no such item"])):
        with pytest.raises(NotInRelease):
            release.people.recommend(person, 5)
    for call in (lambda: release.people.why_not(Person("ann"), "x", 5), lambda: release.people.similar("x", 5)):
        with pytest.raises(NotInRelease):
            call()
    with pytest.raises(NotInRelease):
        release.people.similar("i0", 5, relation_id="unheard-of")


def test_a_proposed_change_brings_the_item_into_the_list_when_it_is_applied(release: InferenceRelease) -> None:
    people, kinds = release.people, set()
    for item in range(ITEMS):
        name = f"i{item}"
        if name in HISTORY:
            continue
        found = people.why_not(Person("ann", HISTORY), name, 5, HISTORY)
        in_list = name in ids(people.recommend(Person("ann", HISTORY), 5, HISTORY))
        assert (found.rank <= 5) == in_list == (found.gap <= 0)
        if found.change is None:
            continue
        kinds.add(found.change.kind)
        if found.change.kind == "steer":
            assert found.change.relation_id is not None
            assert found.change.multiplier is not None
            steered = Person("ann", HISTORY, {found.change.relation_id: found.change.multiplier})
            assert name in ids(people.recommend(steered, 5, HISTORY))
        else:
            more = [*HISTORY, *found.change.items]
            assert name in ids(people.recommend(Person(None, more), 5, more))
    assert kinds


def test_preferences_name_the_items_behind_them(release: InferenceRelease) -> None:
    found = release.people.preferences(Person("ann", HISTORY), behind=2)
    assert {p.relation_id for p in found} == {"director", "genre", "writer"}
    assert sum(p.share for p in found) == pytest.approx(1.0)
    assert all(set(p.history) <= set(HISTORY) and len(p.history) <= 2 for p in found)


def test_diversity_reorders_the_best_and_zero_leaves_them(release: InferenceRelease) -> None:
    plain = release.people.recommend(Person("ann"), 10)
    assert release.people.recommend(Person("ann"), 10, diversity=0.0) == plain
    diverse = release.people.recommend(Person("ann"), 10, diversity=1.0)
    assert diverse[0] == plain[0]
    assert len(set(ids(diverse))) == 10
    assert ids(diverse) != ids(plain)


def test_similar_items_leave_out_the_item_itself(release: InferenceRelease) -> None:
    found = release.people.similar("i0", ITEMS, ["i1"])
    assert len(found) == ITEMS - 2
    assert not {"i0", "i1"} & set(ids(found))
    assert ids(release.people.similar("i0", ITEMS, ["i1"], "genre")) != ids(found)


@pytest.mark.parametrize("multipliers", [{}, {"genre": 0.5}])
def test_a_list_among_some_items_is_the_whole_list_without_the_others(
    release: InferenceRelease, multipliers: dict[str, float]
) -> None:
    person, among = Person("ann", HISTORY, multipliers), {f"i{k}" for k in range(0, ITEMS, 3)}
    whole = release.people.recommend(person, ITEMS, HISTORY)
    expected = [item.item_id for item in whole if item.item_id in among]
    found = release.people.recommend(person, 5, HISTORY, among=among)
    assert ids(found) == expected[:5]
    assert release.people.recommend(person, 5, HISTORY, among=set()) == []


def test_standings_are_the_places_in_the_list_as_it_is_and_with_a_preference_masked(release: InferenceRelease) -> None:
    person, names = Person("bob", HISTORY), ["i0", "i7", "i30"]
    found = release.people.standings(person, names, ["genre", "writer"], HISTORY)
    for without, places in [({}, [s.place for s in found])] + [
        ({name: 0.0}, [s.without[name] for s in found]) for name in ("genre", "writer")
    ]:
        ranked = release.people.recommend(Person("bob", HISTORY, without), ITEMS, HISTORY)
        at = {item.item_id: (n, item.score) for n, item in enumerate(ranked, start=1)}
        assert [place.rank for place in places] == [at[name][0] for name in names]
        assert [place.score for place in places] == pytest.approx([at[name][1] for name in names], abs=1e-12)


def test_a_seen_item_has_the_place_that_it_would_have_were_it_not_seen(release: InferenceRelease) -> None:
    (found,) = release.people.standings(Person("ann", HISTORY), ["i8"], (), HISTORY)
    ranked = release.people.recommend(Person("ann", HISTORY), ITEMS, [item for item in HISTORY if item != "i8"])
    assert ids(ranked)[found.place.rank - 1] == "i8"


def test_standings_of_what_the_release_does_not_know_are_refused(release: InferenceRelease) -> None:
    for items, relations in ((["no such item"], []), (["i0"], ["unheard-of"])):
        with pytest.raises(NotInRelease):
            release.people.standings(Person("ann"), items, relations)
    assert release.people.knows_preference("genre")
    assert not release.people.knows_preference("unheard-of")
