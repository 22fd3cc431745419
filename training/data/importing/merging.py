"""What several sources gave becomes one: rows below each other, vocabularies over all that is declared."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from training.data.errors import BadOption
from training.data.importing.spelling import one_spelling
from training.data.keys import SPLIT_TYPE, compact
from training.data.ledger import FILE, LINE, ORIGIN_TYPES
from training.data.readers.base import (
    RawTables,
    Zeros,
    first_labels,
    no_interactions,
    no_item_facts,
    no_links,
    no_triples,
)
from training.data.schema import TABLES

VOCABULARIES = ("users", "items", "entities", "relations")


def merge(parts: Sequence[RawTables], zeros: Zeros | None) -> RawTables:
    """Put the parts together, Freebase's ids in one spelling; texts become codes, see `keys.compact`.

    Rows of a source that gives no split go to train where another one gives splits of the same table.

    Args:
        parts: of one source each.
        zeros: what a person said that a value of 0 is, which goes before what the formats say.

    Raises:
        BadOption: the formats mean different things by a value of 0, and nobody said which one counts.
    """
    interactions, some = _rows([part.interactions for part in parts], no_interactions())
    triples, other = _rows([part.triples for part in parts], no_triples())
    warnings = [warning for part in parts for warning in part.warnings]
    for table, mixed in (("interactions", some), ("triples", other)):
        warnings += [f"some sources give no split of their {table}; those rows are in train"] if mixed else []
    merged = RawTables(
        source_format=" + ".join(dict.fromkeys(part.source_format for part in parts)),
        declared={name: _declared([part.declared.get(name) for part in parts], name) for name in VOCABULARIES},
        interactions=interactions,
        triples=triples,
        links=_rows([part.links for part in parts], no_links())[0],
        item_facts=_facts([part.item_facts for part in parts]),
        relations_are_declared=all(part.relations_are_declared for part in parts if part.triples.height),
        zeros=zeros or _meaning(parts),
        warnings=warnings,
    )
    return one_spelling(merged)


def without_split(part: RawTables) -> RawTables:
    """Forget the split of the interactions that a source gives."""
    return replace(part, interactions=part.interactions.drop("split", strict=False))


def _rows(tables: Sequence[pl.DataFrame], empty: pl.DataFrame) -> tuple[pl.DataFrame, bool]:
    """Also say whether some of the tables give a split and others do not."""
    given = [table for table in tables if table.height]
    numbers = {name: dtype for name, dtype in empty.schema.items() if dtype != pl.String}
    types = pl.Schema({**numbers, **ORIGIN_TYPES})
    split = ["split" in table.columns for table in given]
    shaped = []
    for table in given:
        if any(split) and "split" not in table.columns:
            table = table.with_columns(split=pl.lit("train", dtype=SPLIT_TYPE))
        columns = [*empty.columns, *(["split"] if any(split) else [])]
        shaped.append(compact(table.select(columns).cast(types)))
    return (pl.concat(shaped) if shaped else compact(empty)), any(split) and not all(split)


def _facts(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Facts of items follow from rows that their reader entered in the ledger: they have no origin of their own."""
    names = [name for name in no_item_facts().columns if name not in (FILE, LINE)]
    facts = pl.concat(table.select(pl.col(names).cast(pl.String)) for table in tables)
    nowhere = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in ORIGIN_TYPES.items()]
    return facts.unique(maintain_order=True).select(*nowhere, *names)


def _declared(tables: Sequence[pl.DataFrame | None], name: str) -> pl.DataFrame:
    schema = TABLES[name]
    given = [table.select(schema.names()).cast(schema) for table in tables if table is not None and table.height]
    if len(given) < 2:
        return given[0] if given else schema.to_frame()
    key, *labels = schema.names()
    joined = pl.concat(given)
    return first_labels(joined, key, labels[0]) if labels else joined.unique(maintain_order=True)


def _meaning(parts: Sequence[RawTables]) -> Zeros:
    meant: set[Zeros] = {part.zeros for part in parts if part.interactions.height}
    if len(meant) > 1:
        raise BadOption("--zeros", f"the sources mean different things by a value of 0 ({', '.join(sorted(meant))})")
    return meant.pop() if meant else "keep"
