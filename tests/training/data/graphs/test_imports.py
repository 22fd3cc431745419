"""Graphs as one source among others, through the whole import: C39, C41 and C50."""

import gzip
from collections.abc import Callable
from pathlib import Path

from training.data.dataset import Dataset
from training.data.importing.assembly import Named, import_sources
from training.data.importing.rules import Rules
from training.data.readers import READERS
from training.data.readers.base import ReadOptions
from training.data.readers.source import Source

Write = Callable[..., Path]
FB = "http://rdf.freebase.com/ns/"
RATINGS = "1::10::5::978300101\n1::20::4::978300102\n2::10::3::978300103\n2::30::3::978300104\n"


def imported(options: ReadOptions | None = None, **sources: Path) -> Dataset:
    named = [Named(READERS[name.replace("_", "-")], Source.of(path)) for name, path in sources.items()]
    return import_sources(named, name="t", rules=Rules(), options=options or ReadOptions())


def test_c50_movielens_kb4rec_and_a_packed_dump_of_freebase_meet(write: Write, cases: Path) -> None:
    dump = "".join(f"<{FB}m.{topic}>\t<{FB}film.film.genre>\t<{FB}m.0gen1>\t.\n" for topic in ("09p001", "0cj002"))
    folder = write({"ratings.dat": RATINGS, "dump/freebase.nt.gz": gzip.compress(dump.encode())})
    dataset = imported(
        ReadOptions(item_prefix="movie_"),
        movielens_1m=folder / "ratings.dat",
        kb4rec=cases / "kb4rec" / "ml2fb.txt",
        ntriples=folder / "dump" / "freebase.nt.gz",
    )
    # of the links 9999 is no item, and 30's topic is not in the dump
    assert dataset.links.rows() == [("10", "m.09p001"), ("20", "m.0cj002")]
    assert dataset.triples["head"].to_list() == ["m.09p001", "m.0cj002"]


def test_c39_c41_what_only_the_test_file_has_and_relations_turned_around_are_told(write: Write, cases: Path) -> None:
    folder = write({"interactions.csv": "user_id,item_id\nu1,i1\n", "links.csv": "item_id,entity_id\ni1,film1\n"})
    dataset = imported(table=folder, fb15k=cases / "inverse")
    assert dataset.manifest.split_counts["triples"] == {"train": 2, "valid": 0, "test": 2}
    assert dataset.manifest.report is not None
    warnings = dataset.manifest.report.warnings
    assert any("turned around" in warning for warning in warnings)
    assert any("1 relations occur in valid or test only" in warning for warning in warnings)
