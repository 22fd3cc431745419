"""A release on disk together with items that came after training: one exact list, reasons and places over all."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.inference import InferenceRelease
from app.inference_new_items import ReleaseWithNewItems
from app.ports import Fact, ScoredItem
from app.ports_people import Person
from tests.app.test_inference_people import HISTORY, ITEMS, ids, release

__all__ = ["release"]
# `twin` has the only fact of i9 (entity e9); `known` is the entity of i5; the others are placed by nothing.
ENTITIES = {"twin": "new", "far": "odd", "edition": "e5", "nothing": "empty", "strange": "s", "alone": "self"}
FACTS: list[Fact] = [
    ("new", "director", "e44"),
    ("odd", "genre", "e41"),
    ("e3", "writer", "odd"),
    ("s", "unheard-of", "e41"),
    ("s", "genre", "nowhere"),
    ("self", "genre", "self"),
]
PLACED = {"twin", "far", "edition"}
PEOPLE = [
    Person("ann"),
    Person("bob", multipliers={"genre": 0.25}),
    Person(None, HISTORY),
    Person(None, [*HISTORY, "twin"], {"writer": 2.0}),
]


@pytest.fixture(scope="module")
def grown(release: InferenceRelease) -> ReleaseWithNewItems:
    found = release.with_new_items(ENTITIES, FACTS)
    assert isinstance(found, ReleaseWithNewItems)
    return found


def scores(items: list[ScoredItem]) -> dict[str, float]:
    return {item.item_id: item.score for item in items}


def test_what_nothing_places_is_left_out_and_without_any_it_is_the_release_itself(
    release: InferenceRelease, grown: ReleaseWithNewItems
) -> None:
    assert grown.new_items == PLACED
    assert release.with_new_items({}, FACTS) is release
    assert release.with_new_items({"nothing": "empty", "strange": "s"}, FACTS) is release
    assert [grown.knows_item(name) for name in ("i3", "twin", "nothing")] == [True, True, False]


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("n", [1, 7, 100])
def test_a_list_is_the_best_of_the_release_and_of_the_new_items_by_score(
    release: InferenceRelease, grown: ReleaseWithNewItems, person: Person, n: int
) -> None:
    exclude = {"i3", "far"}
    found = grown.people.recommend(person, n, exclude)
    known = release.people.recommend(person, ITEMS, exclude)
    everything = grown.people.recommend(person, 100, exclude)
    assert scores(known).items() <= scores(everything).items()
    assert set(scores(everything)) == set(scores(known)) | (PLACED - exclude)
    assert found == sorted(everything, key=lambda item: -item.score)[:n]


def test_a_user_gets_the_same_list_by_search_and_as_a_person(grown: ReleaseWithNewItems) -> None:
    exclude = ["i1", "edition"]
    assert grown.recommend("ann", 9, exclude) == grown.people.recommend(Person("ann"), 9, exclude)
    assert grown.recommend_many(["bob", "ann"], 9, [[], exclude])[1] == grown.recommend("ann", 9, exclude)


def test_a_new_item_of_a_trained_entity_scores_by_that_entity(
    release: InferenceRelease, grown: ReleaseWithNewItems
) -> None:
    # The own part is the only difference: with every own part the mean one, i5 itself is scored so.
    model = release._model
    own = model.items.mean(0)
    expected = (own + model.facts.entities[5]) / 2
    assert grown.people._vector_of("edition").tolist() == pytest.approx(expected.tolist(), abs=1e-12)


@pytest.mark.parametrize("person", PEOPLE)
def test_reasons_of_new_items_rest_on_the_score_of_the_list(grown: ReleaseWithNewItems, person: Person) -> None:
    listed = scores(grown.people.recommend(person, 100))
    names = ["twin", "i0", "far", "i7"]
    found = grown.people.attribute(person, names)
    assert [a.item_id for a in found] == names
    assert [a.score for a in found] == pytest.approx([listed[name] for name in names], abs=1e-12)
    assert all(sum(p.share for p in a.preferences) == pytest.approx(1.0) for a in found)
    if person.user_id is not None and not person.multipliers:
        of_user = grown.attribute(person.user_id, names)
        assert [a.score for a in of_user] == pytest.approx([a.score for a in found], abs=1e-12)


@pytest.mark.parametrize("person", PEOPLE)
def test_places_count_new_items_and_are_those_of_the_list(grown: ReleaseWithNewItems, person: Person) -> None:
    order = ids(grown.people.recommend(person, 100))
    standings = grown.people.standings(person, ["twin", "i0", "i7"], ["genre"])
    assert [s.place.rank for s in standings] == [order.index(name) + 1 for name in ("twin", "i0", "i7")]
    masked = Person(person.user_id, person.history, {**person.multipliers, "genre": 0.0})
    steered = ids(grown.people.recommend(masked, 100))
    assert [s.without["genre"].rank for s in standings] == [steered.index(n) + 1 for n in ("twin", "i0", "i7")]


@pytest.mark.parametrize("person", [PEOPLE[0], PEOPLE[2]])
def test_why_not_of_new_and_old_items_proposes_what_works(grown: ReleaseWithNewItems, person: Person) -> None:
    for name in ("twin", "far", "i0", "i30"):
        found = grown.people.why_not(person, name, 3, HISTORY)
        assert found.rank == grown.people.standings(person, [name], (), HISTORY)[0].place.rank
        if found.change is None:
            continue
        change: Mapping[str, Any] = {}
        if found.change.kind == "steer":
            change = {str(found.change.relation_id): found.change.multiplier}
            changed = Person(person.user_id, person.history, change)
        else:
            assert not set(found.change.items) & PLACED
            changed = Person(None, [*person.history, *found.change.items])
        assert name in ids(grown.people.recommend(changed, 3, {*HISTORY, *found.change.items} - {name}))


def test_a_diverse_list_may_hold_new_items_and_begins_with_the_best(grown: ReleaseWithNewItems) -> None:
    best = grown.people.recommend(Person("ann"), 1)
    diverse = grown.people.recommend(Person("ann"), ITEMS + 3, diversity=0.7)
    assert diverse[0] == best[0]
    assert set(ids(diverse)) == {*(f"i{k}" for k in range(ITEMS)), *PLACED}


def test_filters_hold_for_new_items(grown: ReleaseWithNewItems) -> None:
    assert set(ids(grown.people.recommend(Person("ann"), 10, among={"twin", "i4"}))) == {"twin", "i4"}


def test_facts_told_twice_or_in_another_order_place_an_item_at_the_same_point(
    release: InferenceRelease, grown: ReleaseWithNewItems
) -> None:
    again = release.with_new_items(ENTITIES, [*FACTS[::-1], *FACTS])
    assert again.recommender.recommend("ann", 100) == grown.recommend("ann", 100)
