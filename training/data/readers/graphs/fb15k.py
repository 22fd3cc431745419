"""FB15k, FB15k-237, WN18 and their kin: head TAB relation TAB tail, in files for train, valid and test."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from training.data.errors import MissingFile
from training.data.ledger import Ledger
from training.data.readers.base import NOT_MINE, Part, RawTables, ReadOptions, Recognition
from training.data.readers.graphs.triples import EXPECTED, read_triples
from training.data.readers.interactions.shared.heads import fits, lines
from training.data.readers.source import Source
from training.data.schema import SPLITS

LAYOUT = """\
train.txt valid.txt test.txt   head TAB relation TAB tail, no header
    /m/0aaa  /location/location/contains  /m/0bbb
    /m/0ddd  /film/film/genre  /m/0eee
valid.txt and test.txt may be missing; freebase_mtr100_mte100-train.txt is found, too.
A single file of such lines has no split of its own and is dealt at random."""


_THREE_CELLS, _THREE_NUMBERS = r"[^\t]+\t[^\t]+\t[^\t]+", r"\d+\t\d+\t\d+"


class Fb15kReader:
    """Reads triples of texts, given as one file or as one for each split. Quotes mean nothing."""

    name = "fb15k"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"triples"})

    def recognise(self, source: Source) -> Recognition:
        """Three cells a line, and not all of them numbers; sure only where a file for training is named so."""
        parts = _parts(source)
        path = parts.get("train") or (source.listed[0] if len(source.listed) == 1 else None)
        first = lines(source, path)
        if path is None or not fits(first, _THREE_CELLS) or fits(first, _THREE_NUMBERS):
            return NOT_MINE
        why = f"{source.name_of(path)} has three columns between tabs and no header"
        return Recognition(0.9 if "train" in parts else 0.4, why)

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """Read each split, or each file that was named; see `Reader.read`."""
        parts = _parts(source)
        if "train" in parts:
            tables = [read_triples(source, path, options, ledger, split=split) for split, path in parts.items()]
        elif source.listed:
            tables = [read_triples(source, path, options, ledger) for path in source.listed]
        else:
            raise MissingFile(source.root / "train.txt", EXPECTED)
        return RawTables(source_format=self.name, triples=pl.concat(tables))


def _parts(source: Source) -> Mapping[str, Path]:
    """Find the files of the splits, by their names."""
    found = {split: source.glob(f"{split}.txt", f"{split}.tsv", f"*-{split}.txt") for split in SPLITS}
    return {split: paths[0] for split, paths in found.items() if paths}
