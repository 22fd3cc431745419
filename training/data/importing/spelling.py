"""Freebase's ids in one spelling in all that was merged (C50): links say `m.0x` where the graph may say `/m/0x`."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from training.data.keys import codes
from training.data.readers.base import RawTables, first_labels
from training.data.readers.graphs.freebase import are_topics, respelled_relations, respelled_topics

Respell = Callable[[pl.Series], pl.Series]


def one_spelling(raw: RawTables) -> RawTables:
    """Write topics of Freebase as `m.0x`, and what their facts have as relations as `film.film.genre`.

    Everything else stays as it is spelled: a relation with slashes is Freebase's only where a topic has it.

    Args:
        raw: merged; large columns are codes, see `keys.compact`.
    """
    triples = _in_columns(raw.triples, {"head": respelled_topics, "tail": respelled_topics})
    theirs = _of_topics(triples)

    def relations(ids: pl.Series) -> pl.Series:
        return pl.select(pl.when(ids.is_in(theirs.implode())).then(respelled_relations(ids)).otherwise(ids)).to_series()

    declared = dict(raw.declared)
    declared["entities"] = _once(declared["entities"], "entity_id", respelled_topics)
    declared["relations"] = _once(declared["relations"], "relation_id", relations)
    return replace(
        raw,
        declared=declared,
        triples=_in_columns(triples, {"relation": relations}),
        links=_in_columns(raw.links, {"entity_id": respelled_topics}),
    )


def _of_topics(triples: pl.DataFrame) -> pl.Series:
    """Give the relations with slashes or a namespace that a topic is the head of."""
    used = triples["relation"].unique().cast(pl.String)
    if (respelled_relations(used) == used).all():
        return used.clear()
    topics = triples["head"].unique()
    topics = topics.filter(are_topics(topics.cast(pl.String)))
    return triples["relation"].filter(triples["head"].is_in(topics.implode())).unique().cast(pl.String)


def _in_columns(rows: pl.DataFrame, ways: Mapping[str, Respell]) -> pl.DataFrame:
    return rows.with_columns(_in_codes(rows[name], respell).alias(name) for name, respell in ways.items())


def _in_codes(column: pl.Series, respell: Respell) -> pl.Series:
    """Respell each text once, however many cells hold it."""
    different = column.unique()
    before = different.cast(pl.String)
    after = respell(before)
    if (after == before).all():
        return column
    places = np.zeros(int(codes(different).max()) + 1, dtype=np.uint32)
    places[codes(different)] = np.arange(len(different), dtype=np.uint32)
    return after.cast(column.dtype).gather(pl.Series(places[codes(column)]))


def _once(vocabulary: pl.DataFrame, key: str, respell: Respell) -> pl.DataFrame:
    """Respell the ids; of two that become one, the first label counts."""
    after = respell(vocabulary[key])
    if (after == vocabulary[key]).all():
        return vocabulary
    return vocabulary.with_columns(after.alias(key)).pipe(first_labels, key, vocabulary.columns[1])
