"""A data set that the service writes is one that the offline job reads, hash and all; its splits stay as rows come."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from app.dataset import TABLES, DatasetReader
from app.dataset_writer import content_hash, deal_facts, deal_interactions, write_dataset
from training.data.dataset import Dataset


def tables(interactions: list[tuple[str, str]], facts: list[tuple[str, str, str, str]]) -> dict[str, pl.DataFrame]:
    """A data set around some rows; ids as awkward as they come."""
    users = sorted({user for user, _ in interactions})
    items = sorted({item for _, item in interactions})
    entities = sorted({end for head, _, tail, _ in facts for end in (head, tail)})
    met = [(user, item, None if number % 2 else number / 3, number) for number, (user, item) in enumerate(interactions)]

    def frame(table: str, rows: list[Any], **more: Any) -> pl.DataFrame:
        columns = {name: kind for name, kind in TABLES[table].items() if name != "split"} | more
        return pl.DataFrame(rows, schema=columns, orient="row")

    return {
        "users": frame("users", [(user,) for user in users]),
        "items": frame("items", [(item, None if item.endswith("3") else f"«{item}»") for item in items]),
        "entities": frame("entities", [(entity, None) for entity in entities]),
        "relations": frame("relations", [(relation, "") for relation in sorted({r for _, r, _, _ in facts})]),
        "links": frame("links", [(items[0], entities[0])]),
        "interactions": deal_interactions(frame("interactions", met)),
        "triples": deal_facts(frame("triples", facts, origin=pl.String)),
    }


PAIRS = [(f"u{user} ", f"中{item}\n") for user in range(40) for item in range(user % 17)]
FACTS = [(f"e{n}", "r/é", f"e{n * 7 % 50}", "stored") for n in range(1, 50) if n * 7 % 50 != n]


def test_the_offline_job_reads_what_the_service_writes(tmp_path: Path) -> None:
    made = tables(PAIRS, FACTS)
    write_dataset(tmp_path / "data", "database", made)
    read = Dataset.load(tmp_path / "data")
    assert read.manifest.content_hash == content_hash(made)
    assert read.interactions.select("user_id", "item_id").rows() == PAIRS
    assert read.manifest.split_counts["interactions"] == {
        split: made["interactions"].filter(pl.col("split") == split).height for split in ("train", "valid", "test")
    }
    assert DatasetReader(tmp_path / "data").count("interactions") == len(PAIRS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_a_cell_that_changes_changes_the_hash() -> None:
    made = tables(PAIRS, FACTS)
    changed = {**made, "items": made["items"].with_columns(title=pl.lit(None, pl.String))}
    assert content_hash(made) != content_hash(changed)


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    made = tables(PAIRS, FACTS)
    del made["triples"]
    with pytest.raises(KeyError):
        write_dataset(tmp_path / "data", "database", made)
    assert list(tmp_path.iterdir()) == []


def test_a_row_stays_in_its_split_when_others_come() -> None:
    before = tables(PAIRS, FACTS)["interactions"]
    more = [(user, f"new{number}") for user, _ in PAIRS[:50] for number in range(3)]
    after = tables([*PAIRS, *dict.fromkeys(more)], FACTS)["interactions"]
    alone = pl.col("user_id").is_in(before.filter(pl.len().over("user_id") < 4)["user_id"].implode())
    both = before.filter(~alone).join(after, on=["user_id", "item_id"], suffix="_after")
    assert both.height > 200
    assert (both["split"] == both["split_after"]).all()


def test_about_seven_of_ten_rows_are_for_training_and_everybody_has_one() -> None:
    pairs = [(f"u{user}", f"i{item}") for user in range(500) for item in range(1 + user % 20)]
    dealt = tables(pairs, FACTS)["interactions"]
    shares = {split: (dealt["split"] == split).mean() for split in ("train", "valid", "test")}
    # 5,250 rows: a standard deviation of the share of tests is 0.0055; those who would learn nothing take a few away.
    assert shares["test"] == pytest.approx(0.195, abs=0.025)
    assert shares["valid"] == pytest.approx(0.1, abs=0.02)
    learning = dealt.filter(pl.col("split") == "train")["user_id"].n_unique()
    assert learning == dealt["user_id"].n_unique() == 500


def test_accepted_facts_are_never_tested() -> None:
    facts = [(f"e{n}", "r", f"e{n + 1}", "accepted" if n % 2 else "stored") for n in range(400)]
    dealt = tables(PAIRS, facts)["triples"]
    held_out = {int(head[1:]) % 2 for head in dealt.filter(pl.col("split") != "train")["head"]}
    assert held_out == {0}


def test_rejected_facts_are_written_where_there_are_any_and_hashed(tmp_path: Path) -> None:
    columns = dict.fromkeys(("head", "relation", "tail"), pl.String)
    made = tables(PAIRS, FACTS)
    none = {**made, "rejected": pl.DataFrame(schema=columns)}
    some = {**made, "rejected": pl.DataFrame([("e1", "r/é", "e2")], schema=columns, orient="row")}
    assert content_hash(none) == content_hash(made) != content_hash(some)
    write_dataset(tmp_path / "none", "database", none)
    assert not (tmp_path / "none" / "rejected.parquet").exists()
    assert Dataset.load(tmp_path / "none").rejected.height == 0
    write_dataset(tmp_path / "some", "database", some)
    assert Dataset.load(tmp_path / "some").rejected.rows() == [("e1", "r/é", "e2")]
    assert DatasetReader(tmp_path / "some").count("triples") == len(FACTS)
