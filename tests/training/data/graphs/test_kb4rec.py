"""KB4Rec: the row of the format table, and cases C48 (its data) and C50."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.data.errors import BadOption, TooManyBadRows
from training.data.readers.base import ReadOptions

ReadAs = Callable[..., Any]
Write = Callable[..., Path]
MOVIES = ReadOptions(item_prefix="movie_")


def links(found: Any) -> list[tuple[str, str]]:
    return list(found.raw.links.select("item_id", "entity_id").rows())


def test_c50_three_of_four_links_match_the_subgraph_of_three_spellings(read: ReadAs, cases: Path) -> None:
    found = read("kb4rec", cases / "kb4rec", options=MOVIES)
    assert found.facts == [
        ("m.09p001", "film.film.genre", "m.0gen1"),
        ("m.0cj002", "film.film.genre", "m.0gen1"),
        ("m.0k4003", "film.film.genre", "m.0gen2"),
    ]
    heads = {head for head, _, _ in found.facts}
    assert [(item, entity in heads) for item, entity in links(found)] == [
        ("10", True),
        ("20", True),
        ("30", True),
        ("9999", False),
    ]


def test_c50_without_the_prefix_the_items_stay_as_they_are_and_a_warning_names_it(read: ReadAs, cases: Path) -> None:
    found = read("kb4rec", cases / "kb4rec/ml2fb.txt")
    assert links(found)[0] == ("movie_10", "m.09p001")
    assert found.raw.warnings == [
        "every item of the links begins with 'movie_'; if your items do not, say --item-prefix movie_"
    ]


@pytest.mark.parametrize(
    "spelled", ["m.0x", "/m/0x", "<http://rdf.freebase.com/ns/m.0x>", "http://rdf.freebase.com/ns/m.0x"]
)
def test_c50_every_spelling_of_a_topic_is_one_entity(read: ReadAs, write: Write, spelled: str) -> None:
    assert links(read("kb4rec", write({"ml2fb.txt": f"25991\t{spelled}\n"}))) == [("25991", "m.0x")]


def test_c50_links_and_a_dump_of_n_triples_speak_of_the_same_entities(read: ReadAs, write: Write, cases: Path) -> None:
    fb = "http://rdf.freebase.com/ns/"
    dump = write({"freebase.nt": f"<{fb}m.09p001>\t<{fb}film.film.genre>\t<{fb}m.0gen1>\t.\n"})
    entity = links(read("kb4rec", cases / "kb4rec", options=MOVIES))[0][1]
    assert read("ntriples", dump).facts[0][0] == entity


def test_c48_links_of_another_release_give_items_other_names_than_their_entities_have(
    read: ReadAs, write: Write
) -> None:
    fb, label = "http://rdf.freebase.com/ns/", "http://www.w3.org/2000/01/rdf-schema#label"
    titles = {"1": "Harbour", "2": "Run", "3": "Plain"}
    shifted = write({"ml2fb.txt": "2\tm.01\n3\tm.02\n4\tm.03\n"})  # item 1 is topic m.01, and so on
    facts = "".join(f"<{fb}m.0{place}> <{fb}r> <{fb}m.0g> .\n" for place in titles)
    names = "".join(f'<{fb}m.0{place}> <{label}> "{title}"@en .\n' for place, title in titles.items())
    (shifted.parent / "names.nt").write_text(facts + names)
    labels = dict(read("ntriples", shifted.parent / "names.nt").raw.declared["entities"].rows())
    pairs = [(titles.get(item), labels[entity]) for item, entity in links(read("kb4rec", shifted))]
    assert pairs == [("Run", "Harbour"), ("Plain", "Run"), (None, "Plain")]


def test_literals_of_the_subgraph_are_counted_and_no_entities(read: ReadAs, write: Write) -> None:
    source = write({"ml2fb.txt": "1\tm.01\n", "graph.tsv": 'm.01\tr\t"Film"@en\nm.01\tr\tm.02\n'})
    found = read("kb4rec", source)
    assert found.facts == [("m.01", "r", "m.02")]
    assert found.drops("graph.tsv") == {"literal": (1, (1,))}


def test_links_of_two_releases_in_one_folder_are_refused(read: ReadAs, write: Write) -> None:
    with pytest.raises(BadOption, match=r"ab2fb.txt, ml2fb.txt.*; name the file"):
        read("kb4rec", write({"ml2fb.txt": "1\tm.01\n", "ab2fb.txt": "1\tm.02\n"}))


def test_an_item_without_the_prefix_is_named(read: ReadAs, write: Write) -> None:
    source = write({"ml2fb.txt": "movie_1\tm.01\n2\tm.02\n"})
    with pytest.raises(TooManyBadRows, match=r"ml2fb.txt, line 2: expected an item that begins with movie_"):
        read("kb4rec", source, options=MOVIES)


def test_rows_of_another_width_are_counted(read: ReadAs, write: Write) -> None:
    source = write({"ml2fb.txt": "1\tm.01\n2\n", "graph.tsv": "m.01\tr\tm.02\nm.01\tr\nm.01\tr\tm.02\tm.03\n"})
    found = read("kb4rec", source, max_bad_share=0.9)
    assert found.drops("ml2fb.txt") == {"wrong number of columns": (1, (2,))}
    assert found.drops("graph.tsv") == {"wrong number of columns": (2, (2, 3))}
