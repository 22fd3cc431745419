"""KGAT's layout: a line is a user and items; entities 0 to n-1 of the graph ARE the n items."""

import polars as pl

from training.data.ledger import ORIGIN_TYPES, Ledger
from training.data.readers.base import NOT_MINE, Part, RawTables, ReadOptions, Recognition
from training.data.readers.graphs.dense import DENSE, ORIGINAL
from training.data.readers.graphs.kgat_files import ENTITIES, GRAPH, ITEMS, RELATIONS, USERS, Files
from training.data.readers.interactions.shared.heads import fits, lines
from training.data.readers.source import Source

PARTS = {"train": "train.txt", "test": "test.txt"}
LAYOUT = f"""\
train.txt test.txt   user item item ..., numbers
    0 0 1 2
    1 2 3
{GRAPH}         head relation tail, numbers; entities 0 to n-1 are the n items
    0 0 4
    1 0 4
If you have them: {USERS}, {ITEMS}, {ENTITIES},
{RELATIONS}, with a header; their org_id becomes the id.
    org_id remap_id freebase_id
    B000000001 0 m.0xx1
{PARTS["test"]} may be missing."""

_NUMBERS = r"\d+( +\d+)*\s*"


class KgatReader:
    """Reads the layout of KGAT's release, with the original ids where the lists are there."""

    name = "kgat"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"interactions", "triples", "links"})

    def recognise(self, source: Source) -> Recognition:
        """Lines of numbers between blanks in train.txt, and a graph beside it."""
        train, graph = source.find(PARTS["train"]), source.find(GRAPH)
        if not (train and graph and fits(lines(source, train), _NUMBERS)):
            return NOT_MINE
        return Recognition(1.0, f"it has {GRAPH}, and train.txt is users and items, as numbers between blanks")

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """Read the lists first, then what names their ids; see `Reader.read`."""
        files = Files(source, options, ledger)
        users, entities, relations = files.listed(USERS), files.listed(ENTITIES), files.listed(RELATIONS)
        items = files.listed(ITEMS, kept=False)  # its rows are the links
        parts = [files.pairs(PARTS[split], split) for split in PARTS if split == "train" or source.find(PARTS[split])]
        pairs = pl.concat(parts)
        triples = files.triples(entities, relations)
        links = files.links(_numbers(pairs["item_id"]) if items is None else items, entities)
        interactions = files.original(pairs, {"user_id": (users, USERS), "item_id": (items, ITEMS)})
        ledger.check()
        return RawTables(
            source_format=self.name,
            declared={
                "users": _declared(_numbers(pl.concat(files.users)) if users is None else users, "user_id"),
                "items": _declared(items, "item_id", "title"),
                "entities": _declared(entities, "entity_id", "label"),
                "relations": _declared(relations, "relation_id", "label"),
            },
            interactions=interactions,
            triples=triples,
            links=links,
            relations_are_declared=relations is not None,
            warnings=files.warnings,
        )


def _numbers(numbers: pl.Series) -> pl.DataFrame:
    """Give a list in which each number stands for itself; its rows were not read."""
    once = numbers.unique().sort().to_frame(DENSE)
    origin = {column: pl.lit(None, dtype=dtype) for column, dtype in ORIGIN_TYPES.items()}
    return once.select(DENSE, pl.col(DENSE).cast(pl.String).alias(ORIGINAL), **origin)


def _declared(listed: pl.DataFrame | None, key: str, label: str | None = None) -> pl.DataFrame:
    rows = pl.DataFrame(schema={ORIGINAL: pl.String}) if listed is None else listed
    labels = {} if label is None else {label: pl.lit(None, dtype=pl.String)}
    return rows.select(pl.col(ORIGINAL).alias(key), **labels)
