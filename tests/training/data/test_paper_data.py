"""The paper's two data sets, where they are at hand: they may not be redistributed, so the project lacks them."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from training.data.dataset import Dataset
from training.data.indexed import IndexedDataset

DATA = Path(os.environ.get("KTUP_DATA", Path(__file__).parents[4] / "shared" / "data"))
SECONDS = 120  # it takes about 6 on one core; the bound leaves room for a busy machine

Parts = tuple[int, int, int]  # train, valid, test


@dataclass(frozen=True)
class Figures:
    """Counts of the release (Table 1 of the paper); loops, distinct and overlap as awk, sort -u and comm find them."""

    counts: dict[str, int]
    interactions: Parts
    triples_read: Parts
    loops: Parts
    distinct: Parts  # without loops
    overlap: dict[tuple[str, str], int]
    linked_entities: int

    @property
    def triples(self) -> Parts:
        """What is left of each split when loops, repeats and overlap are gone."""
        train, valid, test = self.distinct
        in_test = self.overlap["train", "test"] + self.overlap["valid", "test"]
        return train, valid - self.overlap["train", "valid"], test - in_test


EXPECTED = {
    "ml1m": Figures(
        counts={"users": 6040, "items": 3260, "entities": 14708, "relations": 20, "links": 2934},
        interactions=(701669, 103239, 193631),
        triples_read=(303935, 43419, 86835),
        loops=(28, 0, 0),
        distinct=(301269, 43370, 86620),
        overlap={("train", "valid"): 776, ("train", "test"): 1498, ("valid", "test"): 222},
        linked_entities=2934,
    ),
    "dbbook2014": Figures(
        counts={"users": 5576, "items": 2680, "entities": 13882, "relations": 13, "links": 2653},
        interactions=(48684, 8322, 8955),
        triples_read=(234176, 33447, 66888),
        loops=(59, 7, 12),
        distinct=(229908, 33359, 66557),
        overlap={("train", "valid"): 1117, ("train", "test"): 2452, ("valid", "test"): 331},
        linked_entities=2598,
    ),
}


@pytest.fixture(params=EXPECTED)
def name(request: pytest.FixtureRequest) -> str:
    if not (DATA / request.param).is_dir():
        pytest.skip(f"{request.param} is not here; set KTUP_DATA to the directory that holds it")
    return str(request.param)


def test_the_counts_are_those_of_the_paper_less_what_the_report_names(
    name: str, convert: Callable[..., Dataset], tmp_path: Path
) -> None:
    figures, start = EXPECTED[name], time.monotonic()
    convert(DATA / name, "ktup").save(tmp_path / name)
    indexed = IndexedDataset.of(Dataset.load(tmp_path / name))
    assert time.monotonic() - start < SECONDS

    manifest = Dataset.load(tmp_path / name).manifest
    assert {table: manifest.counts[table] for table in figures.counts} == figures.counts
    assert tuple(manifest.split_counts["interactions"].values()) == figures.interactions
    assert tuple(manifest.split_counts["triples"].values()) == figures.triples

    report = manifest.report
    assert report is not None
    assert {(overlap.kept_in, overlap.removed_from): overlap.rows for overlap in report.overlaps} == figures.overlap
    assert report.alignment.linked_entities == figures.linked_entities
    files = {file.name: file for file in report.files}
    assert not any(drop.malformed for file in report.files for drop in file.dropped)
    for split, read, loops in zip(("train", "valid", "test"), figures.triples_read, figures.loops, strict=True):
        dropped = {drop.reason: drop.rows for drop in files[f"kg/{split}.dat"].dropped}
        assert (files[f"kg/{split}.dat"].rows_read, dropped.get("self-loop", 0)) == (read, loops)

    assert (len(indexed.users), len(indexed.items)) == (figures.counts["users"], figures.counts["items"])
    assert int((indexed.alignment >= 0).sum()) == figures.counts["links"]
    assert indexed.interactions["train"].shape == (figures.interactions[0], 2)
    assert int(indexed.triples["train"][:, 1].max()) == figures.counts["relations"] - 1
