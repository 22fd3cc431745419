"""Relations that say backwards what another one says: a test fact is then known from training, turned around."""

from collections.abc import Sequence

import polars as pl

from training.data.report import Inverse

_MOST = 0.8  # of the later facts of a relation; FB15k's inverse pairs lie above 0.97


def find(triples: pl.DataFrame) -> tuple[Inverse, ...]:
    """Find pairs of relations where most valid or test facts of the one stand in train as facts of the other, reversed.

    Args:
        triples: head, relation, tail (`pl.Categorical`) and split, each fact once.
    """
    train = triples.filter(pl.col("split") == "train").select(head="tail", tail="head", inverse="relation")
    later = triples.filter(pl.col("split") != "train").select("head", "relation", "tail")
    turned = later.join(train, on=["head", "tail"], how="inner")
    if turned.is_empty():
        return ()
    facts = later.group_by("relation").len("facts")
    pairs = turned.group_by("relation", "inverse").agg(reversed=pl.len()).join(facts, on="relation")
    close = pairs.filter(pl.col("reversed") >= _MOST * pl.col("facts"))
    texts = close.with_columns(pl.col("relation", "inverse").cast(pl.String)).sort("relation", "inverse")
    return tuple(Inverse.model_validate(row) for row in texts.iter_rows(named=True))


def warnings(found: Sequence[Inverse]) -> list[str]:
    """Say what each of the pairs means for measured completion."""
    return [
        f"{pair.reversed} of {pair.facts} valid and test facts of {pair.relation!r} stand in train, turned around, as "
        f"facts of {pair.inverse!r}: figures of completion will look better than they are"
        for pair in found
    ]
