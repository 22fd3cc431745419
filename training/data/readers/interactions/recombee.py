"""What Recombee's API lists, saved as JSON, JSON Lines or CSV: interactions by kind, and the catalogue of items."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from training.data.errors import MalformedFile, MissingFile
from training.data.ledger import ORIGIN, Ledger
from training.data.readers.base import NOT_MINE, Part, RawTables, ReadOptions, Recognition, no_interactions
from training.data.readers.interactions.shared import facts, heads
from training.data.readers.interactions.shared.files import (
    IDS,
    Files,
    every_column,
    interactions,
    interned,
    none_of,
    once,
    titled,
)
from training.data.readers.interactions.shared.json_rows import is_json, keys_of_head, read_json
from training.data.readers.rows import CSV
from training.data.readers.source import Source

KINDS: Mapping[str, tuple[str, ...]] = {
    "detail views": ("detail_views", "detailviews", "detail-views"),
    "purchases": ("purchases",),
    "ratings": ("ratings",),
    "cart additions": ("cart_additions", "cartadditions", "cart-additions"),
    "bookmarks": ("bookmarks",),
    "view portions": ("view_portions", "viewportions", "view-portions"),
}
ITEMS, USERS = "items", "users"
ENDINGS = (".json", ".jsonl", ".ndjson", ".csv")
NAMES = {"userId": "user_id", "itemId": "item_id"}  # of the API, and of its own connectors and tutorials
SPELLED: Mapping[str, tuple[str, ...]] = {
    "user_id": ("userId", "user_id"),
    "item_id": ("itemId", "item_id"),
    "value": ("rating",),
    "timestamp": ("timestamp",),
}

LAYOUT = """\
detail_views.json, purchases.json, ratings.json, cart_additions.json, bookmarks.json, view_portions.json
    [{"userId": "user-50", "itemId": "event-7", "timestamp": 1461149442.0},
     {"userId": "user-51", "itemId": "event-8", "timestamp": "2016-04-20T12:50:42Z"}]
items.json (may be left out; as ListItems gives it with its properties)
    [{"itemId": "event-7", "title": "Harbour Night", "genres": ["jazz", "folk"], "city": "Bree"},
     {"itemId": "event-8", "title": "Rain", "genres": [], "city": null}]
Each may be .json, .jsonl (an object a line) or .csv, and say user_id and item_id. One of the first is needed.
A rating (from -1 to 1) is the value; other kinds have none. Properties that are texts become facts of the item."""


class RecombeeReader:
    """Reads lists of interactions and the catalogue; each kind of interaction counts as one."""

    name = "recombee"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"interactions"})

    def recognise(self, source: Source) -> Recognition:
        """See `Reader.recognise`."""
        for kind in KINDS:
            path = _find(source, *KINDS[kind])
            if path is None:
                continue
            head = "\n".join(heads.lines(source, path))
            if all(f'"{name}"' in head if is_json(path) else name in head.split("\n")[0] for name in NAMES):
                return Recognition(1.0, f"{source.name_of(path)} speaks of userId and itemId")
            if kind != "ratings" and all(name in head for name in NAMES.values()):
                return Recognition(0.8, f"{source.name_of(path)} is called as Recombee calls {kind}")
        return NOT_MINE

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """See `Reader.read`."""
        files = Files(source, options, ledger, CSV)
        found = {kind: path for kind, names in KINDS.items() if (path := _find(source, *names)) is not None}
        if not found:
            raise MissingFile(source.root / "detail_views.json", "interactions, such as purchases.csv or ratings.json")
        events = [_events(files, path, kind) for kind, path in found.items()]
        users = _listed(files, _find(source, USERS), "user_id")
        items = _listed(files, _find(source, ITEMS), "item_id")
        title, properties, unused = _properties(items)
        item_facts, entities = facts.gather(facts.lists(items, column, column) for column in properties)
        if unused:
            files.warnings.append(f"properties of items that are no texts are not used: {', '.join(unused)}")
        return RawTables(
            source_format=self.name,
            declared={
                "users": users.select("user_id"),
                "items": titled(items.with_columns(title=pl.col(title) if title else pl.lit(""))),
                "entities": entities,
            },
            interactions=pl.concat([no_interactions().cast(dict.fromkeys(IDS, pl.Categorical)), *events]),
            item_facts=item_facts,
            warnings=files.warnings,
        )


def _find(source: Source, *stems: str) -> Path | None:
    return source.find(*(stem + ending for stem in stems for ending in ENDINGS))


def _events(files: Files, path: Path, kind: str) -> pl.DataFrame:
    keys = keys_of_head(files.source, path) if is_json(path) else heads.header(files.source, path, ",")
    wanted = {ours: next((name for name in names if name in keys), names[0]) for ours, names in SPELLED.items()}
    if kind != "ratings":
        del wanted["value"]
    unused = [key for key in keys if key not in wanted.values()]
    if unused:
        files.warnings.append(f"{files.source.name_of(path)}: not used: {', '.join(unused)}")
    if not is_json(path):
        return files.interactions(path, wanted, optional=[column for column in wanted if column not in IDS])
    if keys and not {wanted[column] for column in IDS} <= set(keys):
        raise _strange(path, keys, IDS)
    rows = read_json(files, path, wanted, interned(interactions(files.options, files.ledger)))
    files.ledger.check()
    return rows


def _listed(files: Files, path: Path | None, key: str) -> pl.DataFrame:
    return none_of([key]) if path is None else once(_rows(files, path, (key,)), key, files.ledger)


def _rows(files: Files, path: Path, keys: tuple[str, ...]) -> pl.DataFrame:
    """Read a file with all its columns, and the ids under our names."""
    rows = read_json(files, path) if is_json(path) else files.rows(path, every_column)
    ours = {theirs: name for theirs, name in NAMES.items() if theirs in rows.columns and name not in rows.columns}
    rows = rows.rename(ours)
    missing = [key for key in keys if key not in rows.columns]
    if missing and (rows.height or not is_json(path)):
        raise _strange(path, [column for column in rows.columns if column not in ORIGIN], keys)
    return rows.with_columns(pl.lit("").alias(key) for key in missing)


def _strange(path: Path, found: Sequence[str], keys: Sequence[str]) -> MalformedFile:
    names = " and ".join(theirs for theirs, name in NAMES.items() if name in keys)
    return MalformedFile(path, 1, f"objects or columns with {names}", ", ".join(found) or "none")


def _properties(items: pl.DataFrame) -> tuple[str | None, list[str], list[str]]:
    """Give the column of titles, those whose texts become facts, and those that hold only numbers or truth values."""
    columns = [column for column in items.columns if column not in (*ORIGIN, "item_id")]
    title = facts.title_of(columns)
    usable = [column for column in columns if column and facts.is_storable(column)]
    texts = [column for column in usable if column != title and not facts.is_prose(column)]
    plain = r"^(|true|false|[-+]?[0-9.]+([eE][-+]?[0-9]+)?|\{.*\})$"
    told = [column for column in texts if not items[column].str.contains(plain).all()]
    return title, told, [column for column in columns if column not in (title, *told)]
