"""Every reader's `recognise` over every reader's sample files: the right one wins, and wins alone."""

import tomllib
from pathlib import Path

import pytest

from training.data.ledger import Ledger
from training.data.readers import READERS
from training.data.readers.base import ReadOptions
from training.data.readers.source import Source

CASES = Path(__file__).parents[2] / "cases" / "files"
SAMPLES = tomllib.loads((CASES / "samples.toml").read_text())
CLEAR = 0.25  # ahead of the next one, so that nobody needs to be asked


def scores(path: Path) -> dict[str, float]:
    return {name: reader.recognise(Source.of(path)).score for name, reader in READERS.items()}


def test_every_reader_has_a_sample_and_every_sample_a_reader() -> None:
    assert set(SAMPLES) == set(READERS)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_right_reader_recognises_its_sample_and_no_other_comes_near(name: str) -> None:
    found = scores(CASES / SAMPLES[name]["path"])
    others = {other: score for other, score in found.items() if other != name}
    assert found[name] >= max(others.values()) + CLEAR, {**others, name: found[name]}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_recognition_says_what_tells_the_format(name: str) -> None:
    recognition = READERS[name].recognise(Source.of(CASES / SAMPLES[name]["path"]))
    assert recognition.why


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_recognised_is_read(name: str) -> None:
    sample = SAMPLES[name]
    ledger = Ledger(sample.get("max_bad_share", 0.01))
    raw = READERS[name].read(Source.of(CASES / sample["path"]), ReadOptions(), ledger)
    parts = {"interactions": raw.interactions, "triples": raw.triples, "links": raw.links}
    assert all(parts[part].height > 0 for part in READERS[name].gives if part in parts)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "files",
    [
        {},
        {"README.md": b"# ratings.csv\nuser_id and item_id are explained here\n"},
        {"photo.jpg": bytes(range(256)) * 20},
        {"package.json": b'{"name": "x", "version": "1"}', "notes.csv": b"day,mood\n1,good\n"},
        {"u.data": b"\0" * 500, "ratings.dat": b"", "ratings.csv": b"\xff\xfe", "kg.txt": b"\n\n"},
    ],
    ids=["nothing", "prose", "a photo", "other tables", "right names, wrong content"],
)
def test_no_reader_takes_strange_files_for_its_own(tmp_path: Path, reader: str, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert READERS[reader].recognise(Source.of(tmp_path)).score == 0


def test_a_table_of_triples_with_a_header_is_no_file_of_triples_without_one() -> None:
    found = scores(CASES / "table" / "facts.tsv")
    assert found["table"] >= found["fb15k"] + CLEAR


@pytest.mark.parametrize("name", READERS)
def test_the_help_of_each_reader_shows_two_lines_of_its_files(name: str) -> None:
    assert len(READERS[name].layout.splitlines()) >= 3
