"""Gorse's exports: users.csv, items.csv, feedback.csv."""

from collections.abc import Mapping

import polars as pl

from training.data.ledger import Ledger
from training.data.readers.base import Part, RawTables, ReadOptions, Recognition
from training.data.readers.interactions.shared import facts, heads
from training.data.readers.interactions.shared.files import Files, none_of, once, titled
from training.data.readers.rows import CSV
from training.data.readers.source import Source

FEEDBACK, ITEMS, USERS = "feedback.csv", "items.csv", "users.csv"
EVENT = {"event": "feedback_type", "user_id": "user_id", "item_id": "item_id"}
EVENT |= {"value": "value", "timestamp": "time_stamp"}
ITEM = {"item_id": "item_id", "categories": "categories", "labels": "labels", "title": "description"}
ZERO_TIME = r"^0001-01-01"  # how Go writes a time that nobody set

LAYOUT = f"""\
{FEEDBACK}   a header, RFC 4180; times with a zone; a value if your release has one
               feedback_type,user_id,item_id,time_stamp
               like,u1,007,2021-03-04 05:06:07 +0000 UTC
{ITEMS}      may be left out
               item_id,is_hidden,categories,time_stamp,labels,description
               007,false,film|short,2019-10-09 18:04:05 +0000 UTC,drama|rain,"Harbour, The"
{USERS}      may be left out; the ids are used
               user_id,labels
               u1,student|night owl
Categories and labels become facts of the item."""


class GorseReader:
    """Reads what Gorse's dashboard and /api/bulk export. Every type of feedback counts as one."""

    name = "gorse"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"interactions"})

    def recognise(self, source: Source) -> Recognition:
        """See `Reader.recognise`."""
        header = heads.header(source, source.find(FEEDBACK), ",")
        certain = {"feedback_type", "user_id", "item_id"} <= set(header)
        return heads.recognised(certain, f"{FEEDBACK} has a column feedback_type")

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """See `Reader.read`."""
        files = Files(source, options, ledger, CSV)
        path = files.main(FEEDBACK, holds="feedback, with the header feedback_type,user_id,item_id,time_stamp")
        events = files.interactions(path, EVENT, optional=("value", "timestamp"), first=_known_times)
        files.warnings.append(_types(source.name_of(path), events))
        users = files.listed(source.find(USERS), {"user_id": "user_id"}, "user_id")
        items = _items(files)
        parts = [facts.lists(items, "categories", "category"), facts.lists(items, "labels", "label")]
        item_facts, entities = facts.gather(parts)
        return RawTables(
            source_format=self.name,
            declared={"users": users.select("user_id"), "items": titled(items), "entities": entities},
            interactions=events.drop("event"),
            item_facts=item_facts,
            warnings=files.warnings,
        )


def _items(files: Files) -> pl.DataFrame:
    path = files.source.find(ITEMS)
    if path is None:
        return none_of(ITEM)
    rows = files.rows(path, ITEM, optional=("categories", "labels", "title"))
    rows = rows.with_columns(pl.lit("").alias(column) for column in ITEM if column not in rows.columns)
    return once(rows, "item_id", files.ledger)


def _known_times(rows: pl.DataFrame) -> pl.DataFrame:
    if "timestamp" not in rows.columns:
        return rows
    time = pl.col("timestamp")
    return rows.with_columns(pl.when(time.str.contains(ZERO_TIME)).then(pl.lit("")).otherwise(time).alias("timestamp"))


def _types(name: str, events: pl.DataFrame) -> str:
    counts: Mapping[str, int] = dict(events.group_by("event").len().sort("len", "event", descending=True).iter_rows())
    told = ", ".join(f"{count:,} {event or 'without a type'}" for event, count in list(counts.items())[:10])
    return f"{name}: every type of feedback counts alike ({told or 'none'})"
