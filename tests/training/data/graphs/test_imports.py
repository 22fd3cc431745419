"""Graphs as one source among others, through the whole import: C39, C41 and C50."""

import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

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


FACTS = (
    ("09p001", "/film/film/genre", "0gen1"),
    ("0cj002", "/film/film/genre", "0gen1"),
    ("0gen1", "/a/b/c./d/e", "0q"),
)
SPELT_WITH_SLASHES: dict[str, dict[str, str]] = {
    "fb15k": {"train.txt": "".join(f"/m/{head}\t{relation}\t/m/{tail}\n" for head, relation, tail in FACTS)},
    "table": {
        "graph.csv": "head,relation,tail\n" + "".join(f"/m/{head},{name},/m/{tail}\n" for head, name, tail in FACTS)
    },
    "recbole": {
        "x.kg": "head_id:token\trelation_id:token\ttail_id:token\n"
        + "".join(f"/m/{head}\t{name}\t/m/{tail}\n" for head, name, tail in FACTS)
    },
    "openke": {
        "entity2id.txt": "/m/09p001\t0\n/m/0cj002\t1\n/m/0gen1\t2\n/m/0q\t3\n",
        "relation2id.txt": "/film/film/genre\t0\n/a/b/c./d/e\t1\n",
        "train2id.txt": "0 2 0\n1 2 0\n2 3 1\n",
    },
    "turtle": {
        "x.ttl": f"@prefix : <{FB}> .\n:m.09p001 :film.film.genre :m.0gen1 .\n:m.0cj002 :film.film.genre :m.0gen1 .\n"
        ":m.0gen1 :a.b.c.d.e :m.0q .\n"
    },
    "kb4rec": {
        "x.txt": "10\t/m/09p001\n20\t/m/0cj002\n",
        "graph.txt": "".join(f"/m/{head}\t{relation}\t/m/{tail}\n" for head, relation, tail in FACTS),
    },
}


@pytest.mark.parametrize("graph", SPELT_WITH_SLASHES)
def test_c50_topics_are_one_entity_however_graph_and_links_spell_them(write: Write, cases: Path, graph: str) -> None:
    folder = write({"ratings.dat": RATINGS, **{f"graph/{n}": text for n, text in SPELT_WITH_SLASHES[graph].items()}})
    sources = {"movielens_1m": folder / "ratings.dat", graph: folder / "graph"}
    if graph != "kb4rec":
        sources["kb4rec"] = cases / "kb4rec" / "ml2fb.txt"
    dataset = imported(ReadOptions(item_prefix=None if graph == "kb4rec" else "movie_"), **sources)
    assert dataset.links.rows() == [("10", "m.09p001"), ("20", "m.0cj002")]
    assert set(dataset.triples.select(pl.col("head", "relation", "tail").cast(pl.String)).rows()) == {
        ("m.09p001", "film.film.genre", "m.0gen1"),
        ("m.0cj002", "film.film.genre", "m.0gen1"),
        ("m.0gen1", "a.b.c.d.e", "m.0q"),
    }
    assert sorted(dataset.entities["entity_id"]) == ["m.09p001", "m.0cj002", "m.0gen1", "m.0q"]
    assert sorted(dataset.relations["relation_id"]) == ["a.b.c.d.e", "film.film.genre"]


@pytest.mark.parametrize("spelled", ["/m/09p001", f"<{FB}m.09p001>", f"{FB}m.09p001"])
def test_c50_links_of_any_format_meet_topics_in_short(write: Write, spelled: str) -> None:
    folder = write(
        {
            "inter.csv": "user_id,item_id\nu,/m/09p001\n",
            "links.csv": f"item_id,entity_id\n/m/09p001,{spelled}\n",
            "kg/graph.csv": "head,relation,tail\nm.09p001,film.film.genre,m.0gen1\n",
        }
    )
    dataset = imported(table=folder, fb15k=write({"g/train.txt": "m.09p001\tfilm.film.genre\tm.0gen1\n"}) / "g")
    assert dataset.links.rows() == [("/m/09p001", "m.09p001")]  # the item's id is the person's own


def test_c50_what_only_looks_like_freebase_stays_as_it_is_spelled(write: Write) -> None:
    rows = "/c/en/dog\t/r/IsA\t/c/en/pet\n/m/x\t/film/film/genre\t<http://a.example/m.0x>\n"
    folder = write({"i/i.csv": "user_id,item_id\nu,i\n", "i/l.csv": "item_id,entity_id\ni,/m/x\n", "g/train.txt": rows})
    dataset = imported(table=folder / "i", fb15k=folder / "g")
    assert dataset.triples.select(pl.col("head", "relation", "tail").cast(pl.String)).rows() == [
        tuple(line.split("\t")) for line in rows.splitlines()
    ]


def test_c39_c41_what_only_the_test_file_has_and_relations_turned_around_are_told(write: Write, cases: Path) -> None:
    folder = write({"interactions.csv": "user_id,item_id\nu1,i1\n", "links.csv": "item_id,entity_id\ni1,film1\n"})
    dataset = imported(table=folder, fb15k=cases / "inverse")
    assert dataset.manifest.split_counts["triples"] == {"train": 2, "valid": 0, "test": 2}
    assert dataset.manifest.report is not None
    warnings = dataset.manifest.report.warnings
    assert any("turned around" in warning for warning in warnings)
    assert any("1 relations occur in valid or test only" in warning for warning in warnings)
