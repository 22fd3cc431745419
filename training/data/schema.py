"""The tables of the one data set format: columns, types, keys and references. See docs/reference/dataset-format.md."""

from collections.abc import Mapping, Sequence

import polars as pl

from training.data.keys import SPLITS, has_repeats

FORMAT_VERSION = 1

TABLES: Mapping[str, pl.Schema] = {
    "users": pl.Schema({"user_id": pl.String}),
    "items": pl.Schema({"item_id": pl.String, "title": pl.String}),
    "entities": pl.Schema({"entity_id": pl.String, "label": pl.String}),
    "relations": pl.Schema({"relation_id": pl.String, "label": pl.String}),
    "links": pl.Schema({"item_id": pl.String, "entity_id": pl.String}),
    "interactions": pl.Schema(
        {"user_id": pl.String, "item_id": pl.String, "value": pl.Float64, "timestamp": pl.Int64, "split": pl.String}
    ),
    "triples": pl.Schema({"head": pl.String, "relation": pl.String, "tail": pl.String, "split": pl.String}),
}

OPTIONAL: Mapping[str, pl.Schema] = {
    "rejected": pl.Schema({"head": pl.String, "relation": pl.String, "tail": pl.String}),
}
"""Tables that a data set may have; none, and one without rows, say the same."""

NULLABLE = frozenset({"title", "label", "value", "timestamp"})

KEYS: Mapping[str, tuple[str, ...]] = {
    "users": ("user_id",),
    "items": ("item_id",),
    "entities": ("entity_id",),
    "relations": ("relation_id",),
    "links": ("item_id",),  # one entity for an item; many items may share it
    "interactions": ("user_id", "item_id"),  # over all splits: a pair stands in one of them
    "triples": ("head", "relation", "tail"),
    "rejected": ("head", "relation", "tail"),
}

REFERENCES: tuple[tuple[str, str, str, str], ...] = (
    ("interactions", "user_id", "users", "user_id"),
    ("interactions", "item_id", "items", "item_id"),
    ("links", "item_id", "items", "item_id"),
    ("links", "entity_id", "entities", "entity_id"),
    ("triples", "head", "entities", "entity_id"),
    ("triples", "tail", "entities", "entity_id"),
    ("triples", "relation", "relations", "relation_id"),
    ("rejected", "head", "entities", "entity_id"),
    ("rejected", "tail", "entities", "entity_id"),
    ("rejected", "relation", "relations", "relation_id"),
)


__all__ = ["FORMAT_VERSION", "KEYS", "NULLABLE", "OPTIONAL", "REFERENCES", "SPLITS", "TABLES", "problem"]


def problem(tables: Mapping[str, pl.DataFrame]) -> str | None:
    """Say what breaks the format in these tables, or None if nothing does. Texts may be codes, see `keys.compact`."""
    given = {**TABLES, **{name: schema for name, schema in OPTIONAL.items() if name in tables}}
    for name, schema in given.items():
        found = _table_problem(name, tables[name], schema)
        if found:
            return found
    for table, column, target, key in REFERENCES:
        if table not in given:
            continue
        used = tables[table].select(pl.col(column).unique(maintain_order=True).cast(pl.String))
        stray = used.join(tables[target], left_on=column, right_on=key, how="anti", maintain_order="left")
        if stray.height:
            return f"{table}.{column} holds {stray[column][0]!r}, which {target} does not list"
    return _contradiction(tables)


def _contradiction(tables: Mapping[str, pl.DataFrame]) -> str | None:
    if "rejected" in tables:
        key = list(KEYS["triples"])
        both = _texts(tables["rejected"], key).join(_texts(tables["triples"], key), on=key, how="semi")
        if both.height:
            return f"rejected holds {both.row(0)}, which stands among the triples"
    return None


def _table_problem(name: str, table: pl.DataFrame, schema: pl.Schema) -> str | None:
    if table.columns != schema.names() or any(not _is_like(table.schema[c], dtype) for c, dtype in schema.items()):
        return f"{name} has the columns {_spell(table.schema)}; expected {_spell(schema)}"
    for column in schema.names():
        if column not in NULLABLE and table[column].null_count():
            return f"{name}.{column} has empty cells"
        if column not in NULLABLE and (table[column] == "").any():
            return f"{name}.{column} holds an empty text"
    if "value" in schema and not table["value"].fill_null(0.0).is_finite().all():
        return f"{name}.value holds a number that is not finite"
    if "split" in schema and not table["split"].unique().cast(pl.String).is_in(SPLITS).all():
        return f"{name}.split holds something else than {', '.join(SPLITS)}"
    if has_repeats(table, KEYS[name]):
        return f"{name} holds the same {', '.join(KEYS[name])} twice"
    return None


def _is_like(found: pl.DataType, wanted: pl.DataType) -> bool:
    return found == wanted or (wanted == pl.String and found in (pl.Categorical, pl.Enum))


def _texts(table: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    return table.select(pl.col(columns).cast(pl.String))


def _spell(schema: pl.Schema) -> str:
    return ", ".join(f"{name} {dtype}" for name, dtype in schema.items())
