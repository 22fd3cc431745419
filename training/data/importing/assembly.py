"""From sources to a data set: read, merge, grade, clean, filter, split, and report every row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from training.data.dataset import Dataset, SplitMethod
from training.data.errors import BadOption, EmptyTable, NoAlignment, TooFewAligned
from training.data.importing import cleaning, sifting, summary
from training.data.importing.facts import Told, tell
from training.data.importing.merging import merge, without_split
from training.data.importing.rules import Rules
from training.data.importing.shortfall import why_empty
from training.data.keys import SPLIT_TYPE, compact
from training.data.ledger import Ledger
from training.data.readers.base import RawTables, Reader, ReadOptions, no_interactions, no_links, no_triples
from training.data.readers.source import Source
from training.data.report import ImportReport, Overlap
from training.data.schema import TABLES
from training.data.splits import INTERACTION_SPLITS, random_triples

GIVEN = SplitMethod(method="given")
_BY_DEFAULT = "per-user-random"
_TRIPLE_SPLIT = "random_7_1_2"
_SAMPLES = 2  # ids of each kind, in the message that none of them meet


@dataclass(frozen=True)
class Named:
    """A source and the reader of its format."""

    reader: Reader
    source: Source


def import_dataset(
    reader: Reader, source: Source | Path, *, name: str, seed: int, max_bad_share: float, options: ReadOptions
) -> Dataset:
    """Import one source by the rules that count where nothing else is said; see `import_sources`."""
    named = Named(reader, source if isinstance(source, Source) else Source.of(source))
    return import_sources([named], name=name, rules=Rules(seed=seed, max_bad_share=max_bad_share), options=options)


def import_sources(sources: Sequence[Named], *, name: str, rules: Rules, options: ReadOptions) -> Dataset:
    """Read sources and make one data set of them; nothing is written.

    Args:
        sources: what is read, in this order; earlier ones go before later ones where both name a thing.
        name: how the data set is called.
        rules: what is left out, and how rows are split.
        options: how files are read, and who is told of the progress.

    Raises:
        DatasetError: a source cannot be used; the message says where and why.
    """
    ledger, options = Ledger(rules.max_bad_share), replace(options, several=len(sources) > 1)
    assembly = _Assembly(_read(sources, rules, options, ledger), ledger, rules)
    options.progress("checking and splitting")
    return assembly.dataset(name)


def _read(sources: Sequence[Named], rules: Rules, options: ReadOptions, ledger: Ledger) -> RawTables:
    """Read and merge; nothing but the result holds on to the rows, of which two copies may be too many."""
    parts = []
    for named in sources:
        part = named.reader.read(named.source, options, ledger)
        if part.triples.height and not part.relations_are_declared:
            cleaning.check_column_order(part.triples, ledger)
        parts.append(part if rules.split is None else without_split(part))
    return merge(parts, rules.zeros)


class _Assembly:
    """Tables on their way into a data set; each step changes them, and enters in the ledger what it leaves out."""

    def __init__(self, raw: RawTables, ledger: Ledger, rules: Rules) -> None:
        self.interactions, self.triples, self.links = raw.interactions, raw.triples, raw.links
        self.raw = replace(raw, interactions=no_interactions(), triples=no_triples(), links=no_links())
        self.ledger, self.rules = ledger, rules
        self.overlaps: list[Overlap] = []
        self.meeting: list[str] = []
        declared, rows = raw.declared, raw.interactions
        self.users = _union(declared["users"], [rows["user_id"]])
        self.items = _union(declared["items"], [rows["item_id"]])
        self.link_rows, self.raw_links = raw.links.height, raw.links.head(_SAMPLES)
        self.given = {"interactions": rows.height, "triples": raw.triples.height + raw.item_facts.height}

    def dataset(self, name: str) -> Dataset:
        """Take the steps in their order."""
        rules = self.rules
        self.interactions, grades = sifting.grade(self.interactions, self.raw.zeros, rules.positive_from, self.ledger)
        split = {"interactions": self._split_interactions()}
        self._keep_common_users_and_items()
        self.links = cleaning.drop_unusable_links(self.links, _codes(self.items["item_id"]), self.ledger)
        told = tell(self.raw.item_facts, self.links, self.items)
        self._check_graph_meets_items(told)
        self.links = pl.concat([self.links, compact(told.links)])
        entities, relations = self._graph_vocabularies(told)
        split["triples"] = self._split_triples()
        entities, relations = self._keep_common_facts(entities, relations)
        self._check_enough()
        self._align(entities)
        tables = self._finished(entities, relations)
        report = ImportReport(
            source_format=self.raw.source_format,
            files=self.ledger.reports(),
            overlaps=tuple(self.overlaps),
            rules=dict(rules.spoken(self.raw.zeros)),
            grades=grades,
            **summary.of(tables, [*self.raw.warnings, *self.meeting]),
        )
        return Dataset.of(name, tables, source_format=self.raw.source_format, split=split, report=report)

    def _split_interactions(self) -> SplitMethod:
        rows = self.interactions = cleaning.drop_repeated_interactions(self.interactions, self.ledger)
        if "split" in rows.columns:
            rows, overlaps = cleaning.drop_overlap(rows, "interactions", self.ledger)
            self.overlaps += overlaps
            self.interactions = sifting.core(rows, self.rules, self.ledger)
            return GIVEN
        rows = self.interactions = sifting.core(rows, self.rules, self.ledger)
        chosen = INTERACTION_SPLITS[self.rules.split or _BY_DEFAULT]
        if chosen.needs_time:
            check_times(rows, self.rules.split or _BY_DEFAULT)
        if rows.height:
            rows = rows.with_columns(chosen.deal(rows, self.rules.seed))
        self.interactions = rows if rows.height else rows.with_columns(split=pl.lit(None, dtype=SPLIT_TYPE))
        return SplitMethod(method=chosen.method, seed=self.rules.seed if chosen.uses_chance else None)

    def _keep_common_users_and_items(self) -> None:
        """Where a rule leaves out rare users or items, the vocabularies hold no others than those that stay."""
        if self.rules.min_user_interactions > 0:
            self.users = _among(self.users, [self.interactions["user_id"]])
        if self.rules.min_item_interactions > 0:
            self.items = _among(self.items, [self.interactions["item_id"]])

    def _check_graph_meets_items(self, told: Told) -> None:
        """Refuse a graph that ties nothing to an item, though facts of items would hide it; say how many it reaches."""
        if not (self.triples.height and told.triples.height):
            return
        ends = pl.concat([self.triples["head"].unique(), self.triples["tail"].unique()]).unique()
        tails = _codes(told.triples["tail"].unique())
        reached = int(self.links.filter(self.links["entity_id"].is_in(ends.implode()))["item_id"].n_unique())
        if not reached and not tails.is_in(ends.implode()).any():
            raise self._unaligned(ends)
        if reached < self.items.height:
            self.meeting = [
                f"{reached} of {self.items.height} items stand for an entity of the graph that was given; "
                "the others have the facts of items alone"
            ]

    def _unaligned(self, entities: pl.Series) -> NoAlignment:
        samples = {
            "items": self.items["item_id"].head(_SAMPLES).to_list(),
            "entities": entities.head(_SAMPLES).cast(pl.String).to_list(),
            "links": self.raw_links.select(pl.format("{} = {}", "item_id", "entity_id")).to_series().to_list(),
        }
        return NoAlignment(self.items.height, len(entities), self.link_rows, samples)

    def _graph_vocabularies(self, told: Told) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Add the facts of items to the triples; then list what is declared, told of, or occurs."""
        if told.triples.height:
            self.triples = with_facts(self.triples, told.triples)
        declared, triples = self.raw.declared, self.triples
        labelled = pl.concat(
            [declared["entities"], told.entities.join(declared["entities"], on="entity_id", how="anti")]
        )
        return (
            _union(labelled, [triples["head"], triples["tail"]]),
            _union(declared["relations"], [triples["relation"]]),
        )

    def _split_triples(self) -> SplitMethod:
        rows = self.triples = cleaning.drop_self_loops(self.triples, self.ledger)
        rows = self.triples = cleaning.drop_repeated_triples(rows, self.ledger)
        if "split" not in rows.columns:
            rows = sifting.well_known(rows, self.rules, self.links["entity_id"], self.ledger)
            self.triples = rows.with_columns(random_triples(rows, self.rules.seed))
            return SplitMethod(method=_TRIPLE_SPLIT, seed=self.rules.seed)
        rows, overlaps = cleaning.drop_overlap(rows, "triples", self.ledger)
        self.overlaps += overlaps
        self.triples = sifting.well_known(rows, self.rules, self.links["entity_id"], self.ledger)
        return GIVEN

    def _keep_common_facts(self, entities: pl.DataFrame, relations: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Where a rule leaves out rare entities or relations, so do the vocabularies; what stands for an item stays."""
        if max(self.rules.min_entity_triples, self.rules.min_relation_triples) > 0:
            ends = [self.triples["head"], self.triples["tail"], self.links["entity_id"]]
            return _among(entities, ends), _among(relations, [self.triples["relation"]])
        return entities, relations

    def _align(self, entities: pl.DataFrame) -> None:
        self.links = cleaning.drop_loose_links(self.links, _codes(entities["entity_id"]), self.ledger)
        if self.links.is_empty():
            raise self._unaligned(entities["entity_id"])
        if self.links.height < self.rules.min_aligned_share * self.items.height:
            raise TooFewAligned(self.links.height, self.items.height, self.rules.min_aligned_share)

    def _check_enough(self) -> None:
        for table, rows in (("interactions", self.interactions), ("triples", self.triples)):
            if not (rows["split"] == "train").any():
                why = why_empty(table, self.given[table], rows.height, self.ledger, self.raw.warnings)
                raise EmptyTable(table, why)

    def _finished(self, entities: pl.DataFrame, relations: pl.DataFrame) -> dict[str, pl.DataFrame]:
        for rows in (self.interactions, self.triples, self.links):
            self.ledger.keep(rows)
        tables = {
            "users": self.users,
            "items": self.items,
            "entities": entities,
            "relations": relations,
            "links": self.links.select(pl.col("item_id", "entity_id").cast(pl.String)),
            "interactions": self.interactions,
            "triples": self.triples,
        }
        return {table: tables[table].select(schema.names()) for table, schema in TABLES.items()}


def with_facts(triples: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Put facts of items below the triples; where the source splits its triples, they are for training."""
    told = compact(told)
    if triples.is_empty():
        return told
    given = told.with_columns(split=pl.lit("train", dtype=SPLIT_TYPE)) if "split" in triples.columns else told
    return pl.concat([triples, given.select(triples.columns)])


def check_times(rows: pl.DataFrame, split: str) -> None:
    """Refuse a split by time where a row has no timestamp.

    Raises:
        BadOption: lists the columns that were found.
    """
    missing = rows["timestamp"].null_count()
    if missing:
        found = [column for column in ("user_id", "item_id", "value", "timestamp") if rows[column].drop_nulls().len()]
        raise BadOption(
            f"--split {split}",
            f"a split by time needs the column timestamp in every row; found: {', '.join(found)}; "
            f"{missing:,} of {rows.height:,} rows have no timestamp",
        )


def _union(declared: pl.DataFrame, occurrences: list[pl.Series]) -> pl.DataFrame:
    """Append the ids that only occur to those that are declared; labels of the former are null."""
    key = declared.columns[0]
    found = [pl.DataFrame({key: ids.unique(maintain_order=True).cast(pl.String)}) for ids in occurrences]
    new = pl.concat(found).unique(maintain_order=True).join(declared, on=key, how="anti", maintain_order="left")
    return pl.concat([declared, new], how="diagonal")


def _among(vocabulary: pl.DataFrame, occurrences: list[pl.Series]) -> pl.DataFrame:
    """Keep the ids that occur, in their order."""
    key = vocabulary.columns[0]
    used = pl.concat([pl.DataFrame({key: ids.unique().cast(pl.String)}) for ids in occurrences]).unique()
    return vocabulary.join(used, on=key, how="semi", maintain_order="left")


def _codes(ids: pl.Series) -> pl.Series:
    return ids.cast(pl.Categorical)
