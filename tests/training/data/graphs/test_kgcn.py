"""KGCN's and RippleNet's layout: the rows of the format table, and cases C09, C19, C37 and C47."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from training.data.errors import MissingFile
from training.data.importing.cleaning import drop_repeated_triples, drop_self_loops
from training.data.ledger import Ledger
from training.data.readers import READERS
from training.data.readers.base import ReadOptions
from training.data.readers.source import Source

ReadAs = Callable[..., Any]
Write = Callable[..., Path]
BOOK = "b8c80000-0000-0000-0000-00000000000"
SMALL: Mapping[str, str] = {
    "item_index2entity_id.txt": "i1\te1\ni2\te2\ni3\te1\n",
    "kg.txt": "e1\tgenre\tg1\ne2\tgenre\tg1\n",
}


def test_the_book_sample_ends_as_three_triples_and_three_links(cases: Path) -> None:
    ledger = Ledger()
    raw = READERS["kgcn"].read(Source.of(cases / "kgcn_ripplenet"), ReadOptions(), ledger)
    triples = drop_repeated_triples(drop_self_loops(raw.triples, ledger), ledger)
    for rows in (triples, raw.links):
        ledger.keep(rows)
    assert (raw.triples.height, triples.height, raw.links.height) == (5, 3, 3)
    graph = next(report for report in ledger.reports() if report.name == "kg.txt")
    # C37: of 5 lines one ties an entity to itself, and one repeats another
    assert {drop.reason: drop.first_lines for drop in graph.dropped} == {"self-loop": (4,), "repeated triple": (5,)}


def test_c19_book_numbers_keep_their_zeros_and_their_x(read: ReadAs, cases: Path) -> None:
    links = read("kgcn", cases / "kgcn_ripplenet").raw.links.select("item_id", "entity_id").rows()
    assert links == [("0009990018", f"{BOOK}1"), ("034500000X", f"{BOOK}2"), ("0345000013", f"{BOOK}3")]


def test_the_movie_sample_has_numbers_on_both_sides(read: ReadAs, write: Write, cases: Path) -> None:
    found = read("kgcn", cases / "kgcn_movie")
    assert found.raw.links.select("item_id", "entity_id").rows() == [("1", "0"), ("2", "1"), ("5", "2")]
    assert found.facts[2] == ("2", "film.film.director", "9001")


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_c09_line_ends_of_every_kind_tie_items_to_the_same_entities(read: ReadAs, write: Write, end: str) -> None:
    found = read("kgcn", write({name: text.replace("\n", end) for name, text in SMALL.items()}))
    assert found.facts == [("e1", "genre", "g1"), ("e2", "genre", "g1")]
    assert found.raw.links["entity_id"].to_list() == ["e1", "e2", "e1"]


def test_c47_two_items_share_an_entity(read: ReadAs, write: Write) -> None:
    links = read("kgcn", write(SMALL)).raw.links.select("item_id", "entity_id").rows()
    assert links == [("i1", "e1"), ("i2", "e2"), ("i3", "e1")]


def test_rehashed_files_are_read_with_rehashed_links_and_parts_in_their_order(read: ReadAs, write: Write) -> None:
    files = {
        "item_index2entity_id_rehashed.txt": "i1\t0\n",
        "kg_part1_rehashed.txt": "0\tr\t1\n",
        "kg_part2_rehashed.txt": "1\tr\t2\n",
        "item_index2entity_id.txt": "i1\tfull-id\n",
    }
    found = read("kgcn", write(files))
    assert found.facts == [("0", "r", "1"), ("1", "r", "2")]
    assert found.raw.links["entity_id"].to_list() == ["0"]


RATINGS = [
    ("ratings.csv", "userId,movieId,rating,timestamp\nu1,i1,4.5,100\n", (4.5, 100)),
    ("ratings.csv", "userId,movieId,rating\nu1,i1,4.5\n", (4.5, None)),
    ("ratings.dat", "u1::i1::4.5::100\n", (4.5, 100)),
    ("ratings.txt", "u1\ti1\t4.5\n", (4.5, None)),
]


@pytest.mark.parametrize(("name", "text", "rest"), RATINGS)
def test_ratings_beside_the_graph_are_read(
    read: ReadAs, write: Write, name: str, text: str, rest: tuple[float, int | None]
) -> None:
    rows = read("kgcn", write({**SMALL, name: text})).raw.interactions
    assert rows.select("user_id", "item_id", "value", "timestamp").rows() == [("u1", "i1", *rest)]


def test_zeros_that_were_drawn_at_random_are_no_interactions(read: ReadAs, write: Write) -> None:
    found = read("kgcn", write({**SMALL, "ratings_final.txt": "0\t1\t1\n0\t2\t0\n1\t0\t1\n"}))
    assert found.raw.interactions.select("user_id", "item_id", "value").rows() == [("0", "i2", 1.0), ("1", "i1", 1.0)]
    assert found.drops("ratings_final.txt") == {"drawn at random, no interaction": (1, (2,))}


def test_an_item_beyond_the_links_is_counted(read: ReadAs, write: Write) -> None:
    found = read("kgcn", write({**SMALL, "ratings_final.txt": "0\t3\t1\n0\t0\t1\n"}), max_bad_share=0.5)
    assert found.drops("ratings_final.txt") == {"unknown item": (1, (1,))}


def test_the_graph_that_the_preparation_made_counts_entities_by_the_lines_of_the_links(
    read: ReadAs, write: Write
) -> None:
    files = {"item_index2entity_id.txt": SMALL["item_index2entity_id.txt"], "kg_final.txt": "2\t0\t3\n1\t0\t3\n"}
    found = read("kgcn", write(files))
    assert found.facts == [("2", "0", "3"), ("1", "0", "3")]
    # e1 stands on lines 0 and 2; the preparation's dictionary keeps the last
    assert found.raw.links.select("item_id", "entity_id").rows() == [("i1", "2"), ("i2", "1"), ("i3", "2")]


def test_ratings_of_other_formats_are_named_with_their_reader(read: ReadAs, write: Write) -> None:
    found = read("kgcn", write({**SMALL, "BX-Book-Ratings.csv": "x"}))
    assert found.raw.warnings == ["BX-Book-Ratings.csv is not used: give it as a source of its own: book-crossing=..."]


@pytest.mark.parametrize("name", list(SMALL))
def test_a_missing_file_is_named(read: ReadAs, write: Write, name: str) -> None:
    with pytest.raises(MissingFile, match=name):
        read("kgcn", write({other: text for other, text in SMALL.items() if other != name}))
