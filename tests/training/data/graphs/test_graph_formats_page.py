"""docs/reference/graph-formats.md: each section's files are recognised, read, and become what the section says."""

import re
from pathlib import Path

import pytest

from training.data.ledger import Ledger
from training.data.readers import READERS
from training.data.readers.base import ReadOptions
from training.data.readers.source import Source

PAGE = (Path(__file__).parents[4] / "docs" / "reference" / "graph-formats.md").read_text(encoding="utf-8")
SECTIONS = {section.split("`", 1)[0]: section for section in re.split(r"^## `", PAGE, flags=re.MULTILINE)[1:]}


def written(section: str, folder: Path) -> Source:
    """Write the files of a section; the name of each stands behind its fence."""
    for name, content in re.findall(r"^```(\S+)\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL):
        (folder / name).write_text(content, encoding="utf-8")
    return Source.of(folder)


@pytest.mark.parametrize("name", SECTIONS)
def test_the_files_of_a_section_become_what_it_says(name: str, tmp_path: Path) -> None:
    raw = READERS[name].read(written(SECTIONS[name], tmp_path), ReadOptions(), Ledger(0.0))
    declared = {table: rows.height for table, rows in raw.declared.items()}
    parts = {"interactions": raw.interactions, "triples": raw.triples, "links": raw.links}
    found = declared | {part: rows.height for part, rows in parts.items()}
    line = re.search(r"^Read: (.*)\.$", SECTIONS[name], flags=re.MULTILINE)
    assert line is not None
    stated = {what: int(count) for count, what in re.findall(r"(\d+) ([a-z]+)", line[1])}
    assert stated == {what: count for what, count in found.items() if count}


@pytest.mark.parametrize("name", SECTIONS)
def test_the_files_of_a_section_are_recognised_as_that_format(name: str, tmp_path: Path) -> None:
    source = written(SECTIONS[name], tmp_path)
    scores = {other: reader.recognise(source).score for other, reader in READERS.items()}
    assert max(scores, key=lambda other: scores[other]) == name


def test_every_format_of_graphs_has_a_section() -> None:
    module = "training.data.readers.graphs."
    assert set(SECTIONS) == {name for name, reader in READERS.items() if type(reader).__module__.startswith(module)}
