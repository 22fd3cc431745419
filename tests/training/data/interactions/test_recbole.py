"""Cases C04, C45 and C46, and the row of RecBole in the table of formats."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from training.data.errors import BadOption, MalformedFile, MissingFile

Read = Callable[..., Any]
Write = Callable[[Mapping[str, str | bytes]], Path]
INTER = "user_id:token\titem_id:token\trating:float\n"


@pytest.fixture
def toy(cases: Path, read: Read) -> Any:
    return read(cases / "recbole/toy", "recbole")


def test_the_toy_has_7_interactions_of_4_users_and_4_items(toy: Any) -> None:
    rows = toy.rows("user_id", "item_id")
    assert (len(rows), len({user for user, _ in rows}), len({item for _, item in rows})) == (7, 4, 4)
    assert toy.raw.interactions.row(0)[-2:] == (4.0, 881250949)


def test_the_toy_has_6_triples_of_7_entities_and_3_relations(toy: Any) -> None:
    triples = toy.raw.triples.select("head", "relation", "tail").rows()
    assert len(triples) == 6
    assert len({end for head, _, tail in triples for end in (head, tail)}) == 7
    assert len({relation for _, relation, _ in triples}) == 3


def test_c45_a_link_of_an_item_that_nobody_rated_is_given_on_and_its_entity_stays(toy: Any) -> None:
    links = toy.raw.links.select("item_id", "entity_id").rows()
    assert ("99", "m.0aa9") in links
    assert "m.0aa9" in toy.raw.triples["head"].to_list()
    assert "99" not in toy.titles()


def test_c46_an_item_without_an_entity_keeps_its_place_and_its_title(toy: Any) -> None:
    assert toy.titles()["14"] == "No Graph"
    assert "14" not in toy.raw.links["item_id"].to_list()


def test_with_a_graph_of_its_own_the_columns_of_items_are_no_facts_and_that_is_said(toy: Any) -> None:
    assert toy.facts() == set()
    assert toy.raw.warnings == ["toy.item: not used: class:token_seq (the graph is that of the .kg file)"]


def test_without_a_graph_the_members_of_a_sequence_are_facts_of_their_own_and_titles_stay_whole(
    cases: Path, write: Write, read: Read
) -> None:
    source = write({name: (cases / "recbole/toy" / name).read_bytes() for name in ("toy.inter", "toy.item")})
    reading = read(source, "recbole")
    assert reading.titles()["12"] == "Night, The"
    assert {tail for item, _, tail in reading.facts() if item == "12"} == {"class:Comedy", "class:Drama"}


def test_c04_a_header_split_by_blanks_names_both_separators_and_the_line(cases: Path, read: Read) -> None:
    with pytest.raises(MalformedFile) as error:
        read(cases / "traps/space_separated.inter", "recbole")
    assert "space_separated.inter, line 1" in str(error.value)
    assert "separated by tabs" in str(error.value)
    assert "blanks seem to separate them: say so with --separator" in str(error.value)


def test_c04_said_blanks_are_believed(cases: Path, read: Read) -> None:
    reading = read(cases / "traps/space_separated.inter", "recbole", separator=" ")
    assert reading.rows("user_id", "item_id", "value") == [("u1", "i1", "5.0"), ("u2", "i1", "4.0")]


def test_c03_a_byte_order_mark_is_no_part_of_the_first_column(write: Write, read: Read) -> None:
    source = write({"a.inter": b"\xef\xbb\xbf" + INTER.encode() + b"u\ti\t1\n"})
    assert read(source, "recbole").rows("user_id") == [("u",)]


@pytest.mark.parametrize("header", ["user_id\titem_id", "user_id:token\titem_id:int", "user_id:token"])
def test_a_header_without_types_or_without_items_is_refused(write: Write, read: Read, header: str) -> None:
    with pytest.raises(MalformedFile, match=r"a\.inter, line 1: expected columns separated by tabs, each as name:type"):
        read(write({"a.inter": f"{header}\nu1\ti1\n"}), "recbole")


def test_other_names_of_columns_are_said(write: Write, read: Read) -> None:
    source = write({"f.inter": "user_id:token\tartist_id:token\tweight:float\nu\t07\t12\n"})
    reading = read(source, "recbole", columns={"item_id": "artist_id", "value": "weight"})
    assert reading.rows("user_id", "item_id", "value") == [("u", "07", "12.0")]
    with pytest.raises(MalformedFile, match="among them user_id, item_id"):
        read(source, "recbole")


def test_files_of_splits_give_the_splits(write: Write, read: Read) -> None:
    source = write({f"d.{split}.inter": f"{INTER}{split}\ti\t1\n" for split in ("train", "valid", "test")})
    rows = read(source, "recbole").rows("user_id", "split")
    assert sorted(rows) == [("test", "test"), ("train", "train"), ("valid", "valid")]


def test_several_data_sets_in_one_folder_are_refused_unless_named(write: Write, read: Read) -> None:
    source = write({"a.inter": f"{INTER}a\ti\t1\n", "b.inter": f"{INTER}b\ti\t1\n"})
    with pytest.raises(BadOption, match=r"several data sets \(a, b\)"):
        read(source, "recbole")
    assert read(source / "*.inter", "recbole").rows("user_id") == [("a",), ("b",)]


def test_numbers_and_prose_about_items_are_no_facts_and_that_is_said(write: Write, read: Read) -> None:
    header = "item_id:token\tname:token_seq\tprice:float\toverview:token_seq\tbrand:token\n"
    source = write({"a.inter": f"{INTER}u\ti\t1\n", "a.item": f"{header}i\tOne Two\t3.5\tLong ago\tPell\n"})
    reading = read(source, "recbole")
    assert (reading.titles(), reading.facts()) == ({"i": "One Two"}, {("i", "brand", "brand:Pell")})
    assert reading.raw.warnings == ["a.item: not used: price:float, overview:token_seq"]


def test_a_graph_alone_is_read_and_an_empty_folder_is_not(write: Write, read: Read) -> None:
    source = write({"a.kg": "head_id:token\trelation_id:token\ttail_id:token\nx\tr\ty\n"})
    assert read(source, "recbole").raw.triples.height == 1
    with pytest.raises(MissingFile, match="atomic files"):
        read(write({"b/x.txt": ""}) / "b", "recbole")
