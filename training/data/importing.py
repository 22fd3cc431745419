"""From a source directory to a data set: read, clean, split, and report every row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from training.data import cleaning, summary
from training.data.dataset import Dataset, SplitMethod
from training.data.errors import EmptyTable, NoAlignment
from training.data.ledger import Ledger
from training.data.readers.base import RawTables, Reader, ReadOptions
from training.data.readers.source import Source
from training.data.report import ImportReport, Overlap
from training.data.schema import TABLES
from training.data.splits import INTERACTION_SPLITS, random_triples

GIVEN = SplitMethod(method="given")
_INTERACTION_SPLIT = "per_user_random_7_1_2"
_TRIPLE_SPLIT = "random_7_1_2"
VOCABULARIES = ("users", "items", "entities", "relations")


def import_dataset(
    reader: Reader, source: Source | Path, *, name: str, seed: int, max_bad_share: float, options: ReadOptions
) -> Dataset:
    """Read a source with one reader and make a data set of it; nothing is written.

    Args:
        reader: one of `readers.READERS`.
        source: a directory, a file, or files of a glob.
        name: how the data set is called.
        seed: for the splits that the source does not give.
        max_bad_share: the share of malformed rows in a file, from 0 to 1, that is dropped without stopping.
        options: encoding, and who is told of the progress.

    Raises:
        DatasetError: the source cannot be used; the message says where and why.
    """
    ledger = Ledger(max_bad_share)
    raw = reader.read(source if isinstance(source, Source) else Source.of(source), options, ledger)
    options.progress("checking and splitting")
    return _Assembly(raw, ledger, seed).dataset(name)


@dataclass
class _Assembly:
    raw: RawTables
    ledger: Ledger
    seed: int
    overlaps: list[Overlap] = field(default_factory=list)

    def dataset(self, name: str) -> Dataset:
        vocabularies = self._vocabularies()
        interactions, interaction_split = self._interactions()
        triples, triple_split = self._triples()
        for table, rows in (("interactions", interactions), ("triples", triples)):
            if not (rows["split"] == "train").any():
                raise EmptyTable(table, "the source has no usable row to train on")
        tables = {**vocabularies, "interactions": interactions, "triples": triples, "links": self._links(vocabularies)}
        for rows in (tables["interactions"], tables["triples"], tables["links"]):
            self.ledger.keep(rows)
        tables = {table: tables[table].select(schema.names()) for table, schema in TABLES.items()}
        split = {"interactions": interaction_split, "triples": triple_split}
        report = ImportReport(
            source_format=self.raw.source_format,
            files=self.ledger.reports(),
            overlaps=tuple(self.overlaps),
            **summary.of(tables, self.raw.warnings),
        )
        return Dataset.of(name, tables, source_format=self.raw.source_format, split=split, report=report)

    def _vocabularies(self) -> dict[str, pl.DataFrame]:
        raw = self.raw
        declared = {name: raw.declared.get(name, TABLES[name].to_frame()) for name in VOCABULARIES}
        ends = [raw.triples["head"], raw.triples["tail"]]
        return {
            "users": _union(declared["users"], [raw.interactions["user_id"]]),
            "items": _union(declared["items"], [raw.interactions["item_id"]]),
            "entities": _union(declared["entities"], ends),
            "relations": _union(declared["relations"], [raw.triples["relation"]]),
        }

    def _interactions(self) -> tuple[pl.DataFrame, SplitMethod]:
        rows = cleaning.drop_repeated_interactions(self.raw.interactions, self.ledger)
        if "split" not in rows.columns:
            split = INTERACTION_SPLITS[_INTERACTION_SPLIT](rows, self.seed)
            return rows.with_columns(split), SplitMethod(method=_INTERACTION_SPLIT, seed=self.seed)
        rows, overlaps = cleaning.drop_overlap(rows, "interactions", self.ledger)
        self.overlaps += overlaps
        return rows, GIVEN

    def _triples(self) -> tuple[pl.DataFrame, SplitMethod]:
        rows = cleaning.drop_self_loops(self.raw.triples, self.ledger)
        rows = cleaning.drop_repeated_triples(rows, self.ledger)
        if not self.raw.relations_are_declared:
            cleaning.check_column_order(rows, self.ledger)
        if "split" not in rows.columns:
            return rows.with_columns(random_triples(rows, self.seed)), SplitMethod(method=_TRIPLE_SPLIT, seed=self.seed)
        rows, overlaps = cleaning.drop_overlap(rows, "triples", self.ledger)
        self.overlaps += overlaps
        return rows, GIVEN

    def _links(self, vocabularies: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        items, entities = vocabularies["items"]["item_id"], vocabularies["entities"]["entity_id"]
        links = cleaning.drop_unusable_links(self.raw.links, items, entities, self.ledger)
        if links.is_empty():
            raise NoAlignment(len(items), len(entities), self.raw.links.height)
        return links


def _union(declared: pl.DataFrame, occurrences: list[pl.Series]) -> pl.DataFrame:
    """Append the ids that only occur to those that are declared; labels of the former are null."""
    key = declared.columns[0]
    found = pl.concat([pl.DataFrame({key: ids}) for ids in occurrences]).unique(maintain_order=True)
    return pl.concat([declared, found.join(declared, on=key, how="anti", maintain_order="left")], how="diagonal")
