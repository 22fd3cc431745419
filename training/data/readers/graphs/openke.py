"""OpenKE's layout: ids are numbered, the count stands on the first line, and triples are head, tail, RELATION."""

from pathlib import Path

import polars as pl

from training.data.ledger import LINE, ORIGIN, Ledger, sift
from training.data.readers.base import NOT_MINE, Part, RawTables, ReadOptions, Recognition
from training.data.readers.graphs.dense import DENSE, ORIGINAL, numbered, one_to_one, originals
from training.data.readers.graphs.triples import check_relations
from training.data.readers.rows import Dialect, read_rows
from training.data.readers.source import Source

ENTITIES, RELATIONS = "entity2id.txt", "relation2id.txt"
TRIPLES = {"train": "train2id.txt", "valid": "valid2id.txt", "test": "test2id.txt"}
LAYOUT = f"""\
{ENTITIES} {RELATIONS}    label TAB id; above them their count
    2
    /m/0aaa  0
train2id.txt valid2id.txt test2id.txt   head tail RELATION, numbers; above them their count
    4
    0 1 0
Blanks and tabs mean the same, labels may hold blanks, a count may be missing.
{TRIPLES["valid"]} and {TRIPLES["test"]} may be missing. Labels are taken as ids."""

_COUNT = "count"
_CELLS = r"^(.*\S)[ \t]+(\S+)$"  # a label, which may hold blanks, and its number


class OpenKeReader:
    """Reads numbered triples and gives them the labels as ids. A wrong count or a gap in the ids is a warning."""

    name = "openke"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"triples"})

    def recognise(self, source: Source) -> Recognition:
        """Go by the names, which no other format has."""
        there = [name for name in (ENTITIES, RELATIONS, TRIPLES["train"]) if source.find(name)]
        return Recognition(len(there) / 3, f"it has {', '.join(there)}") if there else NOT_MINE

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """Read the maps first, then the triples; see `Reader.read`."""
        files = _Files(source, options, ledger)
        entities, relations = files.map(ENTITIES), files.map(RELATIONS)
        known = {"head": entities, "tail": entities, "relation": relations}
        there = [split for split, name in TRIPLES.items() if split == "train" or source.find(name)]
        triples = [files.triples(split, known) for split in there]
        return RawTables(
            source_format=self.name,
            declared={
                "entities": entities.select(entity_id=ORIGINAL, label=pl.lit(None, dtype=pl.String)),
                "relations": relations.select(relation_id=ORIGINAL, label=pl.lit(None, dtype=pl.String)),
            },
            triples=pl.concat(triples),
            relations_are_declared=True,
            warnings=files.warnings,
        )


class _Files:
    """The files of one source directory."""

    def __init__(self, source: Source, options: ReadOptions, ledger: Ledger) -> None:
        self._source, self._options, self._ledger = source, options, ledger
        self.warnings: list[str] = []

    def map(self, name: str) -> pl.DataFrame:
        """Read a map as `DENSE` and `ORIGINAL`; say where ids are missing between 0 and the last one."""
        expected = "label TAB id, with the count of such lines on line 1"
        lines = self._lines(name, expected)
        parts = pl.col("line").str.extract_groups(_CELLS).alias("parts")
        rows = lines.with_columns(parts).unnest("parts").rename({"1": ORIGINAL, "2": DENSE})
        rows = sift(rows, pl.col(DENSE).is_not_null(), self._ledger, "not a label and an id", expected)
        rows = one_to_one(rows.select(*ORIGIN, DENSE, ORIGINAL), self._ledger)
        self._ledger.check()
        gaps = rows.height and set(range(rows.height)) ^ set(rows[DENSE])
        if gaps:
            self.warnings.append(
                f"{name}: the ids are not 0 to {rows.height - 1} without a gap; they are numbered anew"
            )
        return rows

    def triples(self, split: str, known: dict[str, pl.DataFrame]) -> pl.DataFrame:
        """Read one split as labels, in our order of columns."""
        name, expected = TRIPLES[split], "3 numbers (head, tail, relation), with the count of such lines on line 1"
        lines = self._lines(name, expected)
        cells = pl.col("line").str.replace_all(r"[ \t]+", "\t").str.split_exact("\t", 3).alias("cells")
        rows = lines.with_columns(cells).unnest("cells")
        three = pl.col("field_2").is_not_null() & pl.col("field_3").is_null()
        rows = sift(rows, three, self._ledger, "wrong number of columns", expected)
        rows = rows.select(*ORIGIN, head="field_0", tail="field_1", relation="field_2")
        rows = numbered(rows, ("head", "tail", "relation"), self._ledger)
        check_relations(rows, known["relation"][DENSE], RELATIONS, "head, tail, relation", self._ledger)
        for column, listed_in in (("head", ENTITIES), ("tail", ENTITIES), ("relation", RELATIONS)):
            rows = originals(rows, column, known[column], listed_in, self._ledger)
        self._ledger.check()
        return rows.select(*ORIGIN, "head", "relation", "tail", split=pl.lit(split))

    def _lines(self, name: str, expected: str) -> pl.DataFrame:
        """Read lines whole, without the count, which is dropped under that name and held against their number."""
        path = self._source.need(name, expected=expected)
        lines = read_rows(
            self._source,
            path,
            Dialect(Dialect.LINES),
            columns=("line",),
            expected=expected,
            options=self._options,
            ledger=self._ledger,
        )
        if lines.is_empty() or not lines["line"][0].isdecimal():
            return lines
        self._ledger.drop(lines.head(1), _COUNT)
        rows = lines.slice(1)
        if (lines["line"][0].lstrip("0") or "0") != str(rows.height):  # the count may have more digits than an int
            self._warn_of_count(path, lines, rows.height)
        return rows

    def _warn_of_count(self, path: Path, lines: pl.DataFrame, rows: int) -> None:
        name, line, count = self._source.name_of(path), lines[LINE][0], lines["line"][0]
        self.warnings.append(f"{name}, line {line}: the count is {count}, but {rows} rows follow")
