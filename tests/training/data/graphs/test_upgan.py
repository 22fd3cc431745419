"""The layout that UPGAN made of the paper's: rs/ and kg/, ratings with original ids, head, RELATION, tail."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.data.errors import ColumnOrder
from training.data.readers import READERS
from training.data.readers.source import Source

ReadAs = Callable[..., Any]


@pytest.fixture
def sample(tmp_path: Path, cases: Path) -> Path:
    """Give the toy in this layout: 3 users, 4 items, 5 train triples."""
    toy, made = cases / "ktup" / "toy", tmp_path / "upgan"
    (made / "rs").mkdir(parents=True)
    (made / "kg").mkdir()
    for name in ("u_map.dat", "i_map.dat"):
        (made / "rs" / name).write_bytes((toy / name).read_bytes())
    for name in ("e_map.dat", "r_map.dat"):
        (made / "kg" / name).write_bytes((toy / "kg" / name).read_bytes())
    for split in ("train", "valid", "test"):
        rows = [line.split("\t") for line in (toy / "kg" / f"{split}.dat").read_text().splitlines()]
        (made / "kg" / f"{split}.dat").write_text("".join(f"{h}\t{r}\t{t}\n" for h, t, r in rows))
    rows = [line.split("\t") for line in (toy / "i2kg_map.tsv").read_text().splitlines()]
    (made / "rs" / "i2kg_map.tsv").write_text("".join(f"{item}\t{entity}\n" for item, _, entity in rows))
    (made / "rs" / "ratings.txt").write_text("501\t71\t5\t100\n502\t74\t3\t200\n503\t999\t4\t300\n")
    return made


def test_it_is_recognised_as_the_paper_s_layout(sample: Path) -> None:
    assert READERS["ktup"].recognise(Source.of(sample)).score == 1.0


def test_ratings_have_original_ids_and_items_without_a_number_are_counted(read: ReadAs, sample: Path) -> None:
    found = read("ktup", sample)
    rows = found.raw.interactions.select("user_id", "item_id", "value", "timestamp").rows()
    assert rows == [("501", "71", 5.0, 100), ("502", "74", 3.0, 200)]
    assert found.drops("rs/ratings.txt") == {"item_id without a number in i_map.dat": (1, (3,))}


def test_triples_and_links_are_those_of_the_paper_s_layout(read: ReadAs, sample: Path, cases: Path) -> None:
    found, paper = read("ktup", sample), read("ktup", cases / "ktup" / "toy")
    assert found.facts == paper.facts
    assert (
        found.raw.links.select("item_id", "entity_id").rows() == paper.raw.links.select("item_id", "entity_id").rows()
    )


def test_c35_head_tail_relation_is_refused_here(read: ReadAs, sample: Path, cases: Path) -> None:
    for split in ("train", "valid", "test"):
        source = cases / "ktup" / "toy" / "kg" / f"{split}.dat"
        (sample / "kg" / f"{split}.dat").write_bytes(source.read_bytes())
    with pytest.raises(ColumnOrder, match=r"expected head, relation, tail with one of the 2 relations"):
        read("ktup", sample)


def test_a_time_may_be_missing(read: ReadAs, sample: Path) -> None:
    (sample / "rs" / "ratings.txt").write_text("501\t71\t5\n")
    assert read("ktup", sample).raw.interactions["timestamp"].to_list() == [None]
