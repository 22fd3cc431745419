"""Cases C08, C18, C24, C39, C41, C44, C48, C53 and C56: what the rules leave out, warn of and count."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from training.data.dataset import Dataset
from training.data.errors import BadOption, TooFewAligned
from training.data.importing import Named, Rules, import_sources
from training.data.indexed import IndexedDataset
from training.data.readers import READERS
from training.data.readers.base import ReadOptions
from training.data.readers.source import Source
from training.data.report import Grades, ImportReport, Inverse

Write = Callable[..., Path]
Graph = dict[str, str]


def imported(source: Path, **rules: object) -> Dataset:
    named = [Named(READERS["tables"], Source.of(source))]
    return import_sources(named, name="t", rules=Rules(**rules), options=ReadOptions())  # type: ignore[arg-type]


def report(dataset: Dataset) -> ImportReport:
    assert dataset.manifest.report is not None
    return dataset.manifest.report


def dropped(dataset: Dataset, name: str) -> Mapping[str, int]:
    file = next(file for file in report(dataset).files if file.name == name)
    return {drop.reason: drop.rows for drop in file.dropped}


RATED = "user_id,item_id,rating\nu1,i1,0\nu1,i2,5\nu2,i1,3\nu2,i2,0\nu3,i1,\n"


@pytest.mark.parametrize(
    ("zeros", "values", "grades"),
    [
        ("keep", [5, 3, None], (3, 2, 2, 1)),  # the zeros are values below 1
        ("drop", [5, 3, None], (3, 0, 2, 1)),
        ("implicit", [None, 5, 3, None, None], (5, 0, 2, 3)),  # no threshold touches what has no value
    ],
)
def test_c08_zeros_are_values_no_rows_or_rows_without_a_value(
    write: Write, graph: Graph, zeros: str, values: list[float | None], grades: tuple[int, int, int, int]
) -> None:
    dataset = imported(write({**graph, "interactions.csv": RATED}), zeros=zeros, positive_from=1.0)
    assert dataset.interactions["value"].to_list() == values
    positive, negative, zero_rows, without_value = grades
    assert report(dataset).grades == Grades(
        positive_from=1.0,
        positive=positive,
        negative=negative,
        zeros=zeros,
        zero_rows=zero_rows,
        without_value=without_value,
    )


def test_c18_users_and_items_of_negative_rows_stay_known(write: Write, graph: Graph) -> None:
    dataset = imported(write({**graph, "interactions.csv": RATED}), zeros="drop", positive_from=5.0)
    assert dropped(dataset, "interactions.csv") == {"value 0": 2, "value below 5, negative": 1}
    assert dataset.users["user_id"].to_list() == ["u1", "u2", "u3"]
    assert report(dataset).rules["--positive-from"] == "5"


def test_c24_dense_rows_give_back_the_ids_as_they_were_written(write: Write, graph: Graph, cases: Path) -> None:
    text = (cases / "traps/url_ids.csv").read_text(encoding="utf-8")
    graph["links.csv"] = f"item_id,entity_id\n{text.splitlines()[1].split(',')[1]},e1\n"
    dataset = imported(write({**graph, "interactions.csv": text}))
    indexed = IndexedDataset.of(dataset)
    pairs = [(indexed.users.id(u), indexed.items.id(i)) for rows in indexed.interactions.values() for u, i in rows]
    assert sorted(pairs) == sorted(tuple(line.split(",")[:2]) for line in text.splitlines()[1:])
    assert len(indexed.items) == len({item for _, item in pairs})


def test_the_core_is_what_stays_when_nothing_rare_is_left(write: Write, graph: Graph) -> None:
    """i3 has one row; without it u3 has one, too, and goes; then i1, i2 have two each, of u1 and u2."""
    pairs = "u1,i1 u1,i2 u2,i1 u2,i2 u3,i3 u3,i2"
    rows = "user_id,item_id\n" + pairs.replace(" ", "\n") + "\n"
    dataset = imported(write({**graph, "interactions.csv": rows}), min_user_interactions=2, min_item_interactions=2)
    assert dataset.users["user_id"].to_list() == ["u1", "u2"]
    assert dataset.items["item_id"].to_list() == ["i1", "i2"]
    assert dropped(dataset, "interactions.csv") == {
        "item with fewer than 2 interactions": 1,
        "user with fewer than 2 interactions": 1,
    }


def test_c44_rare_entities_and_relations_are_left_out_but_not_what_stands_for_an_item(write: Write) -> None:
    """e9 and the relation s have one triple each; e1 stands for i1 and stays with the one triple that is left."""
    triples = "e1,r,e2 e2,r,e3 e3,r,e2 e9,r,e2 e1,s,e3"
    source = write(
        {
            "interactions.csv": "user_id,item_id\nu1,i1\nu1,i2\n",
            "links.csv": "item_id,entity_id\ni1,e1\n",
            "triples.csv": "head,relation,tail\n" + triples.replace(" ", "\n") + "\n",
        }
    )
    dataset = imported(source, min_entity_triples=2, min_relation_triples=2)
    facts = {(h, r, t) for h, r, t, _ in dataset.triples.rows()}
    assert facts == {("e1", "r", "e2"), ("e2", "r", "e3"), ("e3", "r", "e2")}
    assert dataset.entities["entity_id"].to_list() == ["e1", "e2", "e3"]
    assert [(count.relation_id, count.triples) for count in report(dataset).relations] == [("r", 3)]


def test_c41_relations_that_say_each_other_backwards_across_splits_are_warned_of(write: Write, cases: Path) -> None:
    triples = "head\trelation\ttail\tsplit\n" + "".join(
        f"{line}\t{split}\n"
        for split in ("train", "test")
        for line in (cases / f"inverse/{split}.txt").read_text().splitlines()
    )
    source = write(
        {
            "interactions.csv": "user_id,item_id\nu1,i1\n",
            "links.csv": "item_id,entity_id\ni1,film1\n",
            "triples.tsv": triples,
        }
    )
    dataset = imported(source)
    tested = {relation for _, relation, _, split in dataset.triples.rows() if split == "test"}
    (relation,) = tested
    (other,) = {"director_of", "directed_by"} - tested
    assert report(dataset).inverses == (Inverse(relation=relation, inverse=other, reversed=2, facts=2),)
    assert any("turned around" in warning for warning in report(dataset).warnings)


def test_c39_entities_of_the_test_alone_are_counted_and_kept(write: Write) -> None:
    source = write(
        {
            "interactions.csv": "user_id,item_id\nu1,i1\n",
            "links.csv": "item_id,entity_id\ni1,e1\n",
            "triples.csv": "head,relation,tail,split\ne1,r,e2,train\ne1,r,new,test\n",
        }
    )
    dataset = imported(source)
    assert report(dataset).seen_only_later == {"users": 0, "items": 0, "entities": 1, "relations": 0}
    assert "new" in dataset.entities["entity_id"]


TITLES = ("Harbour, The (1995)", "Blue Hill (1990)", "Night Train (2001)", "Red Shoes (1948)")


@pytest.mark.parametrize(("shift", "alike"), [(0, 4), (1, 0)])
def test_c48_links_made_for_another_release_are_told_by_the_names(write: Write, shift: int, alike: int) -> None:
    labels = ("The Harbour", "Blue Hill", "Night Train", "Red Shoes")
    source = write(
        {
            "interactions.csv": "user_id,item_id\n" + "".join(f"u1,i{n}\n" for n in range(4)),
            "items.tsv": "item_id\ttitle\n" + "".join(f"i{n}\t{title}\n" for n, title in enumerate(TITLES)),
            "entities.csv": "entity_id,label\n" + "".join(f"e{n},{label}\n" for n, label in enumerate(labels)),
            "links.csv": "item_id,entity_id\n" + "".join(f"i{n},e{(n + shift) % 4}\n" for n in range(4)),
            "triples.csv": "head,relation,tail\ne0,r,e1\n",
        }
    )
    found = report(imported(source))
    assert (found.alignment.names_compared, found.alignment.names_alike) == (4, alike)
    assert len(found.alignment.samples) == 4
    assert any("another release" in warning for warning in found.warnings) == (alike == 0)


def test_c20_too_small_a_share_of_aligned_items_stops_the_import(write: Write, graph: Graph) -> None:
    source = write({**graph, "interactions.csv": "user_id,item_id\nu1,i1\nu1,i2\nu1,i3\n"})
    assert imported(source, min_aligned_share=0.66).links.height == 2
    with pytest.raises(TooFewAligned, match=r"2 of 3 items .* 0\.667; --min-aligned-share asks for 0\.7"):
        imported(source, min_aligned_share=0.7)


EARLY = [("early", f"i{n}", n) for n in range(7)]
LATE = [("late", f"i{n}", 100 + n) for n in range(3)]


def timed(write: Write, graph: Graph, rows: list[tuple[str, str, int]]) -> Path:
    text = "user_id,item_id,timestamp\n" + "".join(f"{user},{item},{time}\n" for user, item, time in rows)
    return write({**graph, "interactions.csv": text, "links.csv": "item_id,entity_id\ni0,e1\n"})


def split_of(dataset: Dataset) -> dict[tuple[str, str], str]:
    return {(user, item): split for user, item, _, _, split in dataset.interactions.rows()}


def test_c56_a_global_split_learns_from_nothing_later_than_what_it_tests(write: Write, graph: Graph) -> None:
    """Ten rows, 7:1:2: the seven early ones train, the eighth validates, the last two are tested."""
    dataset = imported(timed(write, graph, LATE + EARLY), split="global-time")
    found = split_of(dataset)
    assert {found["early", f"i{n}"] for n in range(7)} == {"train"}
    assert [found["late", f"i{n}"] for n in range(3)] == ["valid", "test", "test"]
    assert dataset.manifest.split["interactions"].method == "global_time_7_1_2"
    assert report(dataset).rules["--split"] == "global-time"


def test_c56_a_split_by_time_of_each_user_tests_what_came_last(write: Write, graph: Graph) -> None:
    """Seven rows: 7:1:2 of 7 is 5, 1 and 1; three rows: 2, 0 and 1."""
    found = split_of(imported(timed(write, graph, (LATE + EARLY)[::-1]), split="per-user-time"))
    assert [found["early", f"i{n}"] for n in range(7)] == ["train"] * 5 + ["valid", "test"]
    assert [found["late", f"i{n}"] for n in range(3)] == ["train", "train", "test"]


def test_c53_leave_one_out_keeps_a_users_only_row_for_training(write: Write, graph: Graph) -> None:
    rows = [*LATE, ("two", "i0", 5), ("two", "i1", 4), ("one", "i0", 9)]
    found = split_of(imported(timed(write, graph, rows), split="leave-one-out"))
    assert [found["late", f"i{n}"] for n in range(3)] == ["train", "valid", "test"]
    assert (found["two", "i1"], found["two", "i0"], found["one", "i0"]) == ("train", "test", "train")


def test_c15_one_row_without_a_time_is_counted(write: Write, graph: Graph) -> None:
    text = "user_id,item_id,timestamp\nu1,i1,5\nu1,i2,\n"
    source = write({**graph, "interactions.csv": text})
    with pytest.raises(BadOption, match="found: user_id, item_id, timestamp; 1 of 2 rows have no timestamp"):
        imported(source, split="global-time")
