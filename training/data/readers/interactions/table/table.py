"""Any tables: CSV, TSV, JSON, JSON Lines or Parquet, each file told by its columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from training.data.errors import BadOption, MalformedFile, MissingFile
from training.data.ledger import ORIGIN, Ledger, sift
from training.data.readers.base import (
    NOT_MINE,
    Part,
    RawTables,
    ReadOptions,
    Recognition,
    no_interactions,
    no_links,
    no_triples,
    require_ids,
)
from training.data.readers.interactions.shared import facts, heads
from training.data.readers.interactions.shared.files import IDS, Files, interactions, interned, none_of, once, titled
from training.data.readers.interactions.shared.json_rows import ENDINGS as JSON_ENDINGS
from training.data.readers.interactions.shared.json_rows import is_json, keys_of_head, read_json
from training.data.readers.interactions.shared.parquet_rows import ENDING as PARQUET
from training.data.readers.interactions.shared.parquet_rows import is_parquet, names_of, read_parquet
from training.data.readers.interactions.table.columns import Found, place
from training.data.readers.rows import CSV, TSV, Dialect
from training.data.readers.source import Source
from training.data.readers.text import check_readable
from training.data.schema import SPLITS

ENDINGS = (".csv", ".tsv", ".tab", ".txt", *JSON_ENDINGS, PARQUET)
SEPARATORS = (",", ";", "\t", "|")

LAYOUT = """\
Files of any name; each is told by its columns (.csv .tsv .json .jsonl .parquet, and .gz of the texts):
user_id,item_id,rating,timestamp         who met what; rating, time and split may be left out
ann,0071,4.5,2020-01-31T12:00:00Z
head TAB relation TAB tail               facts
e:blue_hill TAB director TAB e:bo_lee
{"item_id": "0071", "entity_id": "e:blue_hill"}    links; item_id with title: items;
{"item_id": "0072", "entity_id": "e:night"}        entity_id with label: names of entities
Other names:        --column user_id=reader --column item_id=book
Facts of items:     --column genre=genres (a column `genres`, its parts split by | or a JSON list)
Without a header:   --no-header --column user_id=1 --column item_id=3"""


class TableReader:
    """Reads tables by the names of their columns, or as `--column` says."""

    name = "table"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"interactions", "triples", "links"})

    def __init__(self, said: Mapping[str, str] | None = None) -> None:
        """Let tables be recognised by what a person said of their columns (ours -> theirs), too."""
        self._said = said or {}

    def recognise(self, source: Source) -> Recognition:
        """See `Reader.recognise`."""
        files = Files(source, ReadOptions(columns=self._said), Ledger(), CSV)
        tables = (_Table.of(files, path) for path in _paths(source))
        known = [(table.path, table.found) for table in tables if table.found is not None]
        ahead = sorted(known, key=lambda pair: pair[1].kind not in self.gives)  # items and names of entities last
        if not ahead:
            return NOT_MINE
        path, found = ahead[0]
        columns = ", ".join([*found.columns.values(), *found.told.values()])
        return Recognition(found.likeness, f"{source.name_of(path)} has the columns {columns}")

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """See `Reader.read`."""
        files = Files(source, options, ledger, CSV)
        tables = [_Table.of(files, path) for path in _paths(source)]
        _check(files, tables)
        parts = _Parts()
        for table in tables:
            if table.found is None:
                files.warnings.append(f"{source.name_of(table.path)} is not used: {_seen(table.names)}")
                continue
            files.warnings.append(table.understood(source))
            parts.add(files, table.found, table.rows(files, table.found))
        return parts.raw(self.name, files.warnings)


@dataclass(frozen=True)
class _Table:
    path: Path
    names: Sequence[str]
    found: Found | None
    dialect: Dialect

    @classmethod
    def of(cls, files: Files, path: Path) -> "_Table":
        """Judge a file by the names of its columns."""
        said = files.options.columns
        if is_json(path) or is_parquet(path):
            names = keys_of_head(files.source, path) if is_json(path) else names_of(path)
            return cls(path, names, place(names, said), CSV)
        dialects = _dialects(path, files.options)
        tables = [cls(path, names := _names(files.source, path, way), place(names, said), way) for way in dialects]
        return next((table for table in tables if table.found is not None), tables[0])

    def rows(self, files: Files, found: Found) -> pl.DataFrame:
        """Read the file with our names, and facts under `fact:<relation>`."""
        columns = {**found.columns, **{f"fact:{name}": theirs for name, theirs in found.told.items()}}
        numbers = interactions(files.options, files.ledger) if found.kind == "interactions" else None
        step = None if numbers is None else interned(numbers)
        if is_json(self.path):
            return read_json(files, self.path, columns, step)
        if is_parquet(self.path):
            return read_parquet(files, self.path, columns, step)

        def refine(rows: pl.DataFrame) -> pl.DataFrame:
            rows = rows if self.dialect.header else rows.select(*ORIGIN, **{o: pl.col(n) for o, n in columns.items()})
            return rows if numbers is None else numbers(rows)

        speaking = files.speaking(self.dialect)
        intern = IDS if found.kind == "interactions" else ()
        return speaking.rows(self.path, columns if self.dialect.header else self.names, refine=refine, intern=intern)

    def understood(self, source: Source) -> str:
        """Say how the file was understood."""
        assert self.found is not None
        pairs = {**self.found.columns, **self.found.told}
        told = ", ".join(ours if ours == theirs else f"{ours} from {theirs}" for ours, theirs in pairs.items())
        unused = f"; not used: {', '.join(self.found.unused)}" if self.found.unused else ""
        return f"{source.name_of(self.path)} holds {self.found.kind}: {told}{unused}"


@dataclass
class _Parts:
    """What the files add up to."""

    interactions: list[pl.DataFrame] = field(default_factory=list)
    triples: list[pl.DataFrame] = field(default_factory=list)
    links: list[pl.DataFrame] = field(default_factory=list)
    items: list[pl.DataFrame] = field(default_factory=list)
    entities: list[pl.DataFrame] = field(default_factory=list)
    told: list[pl.DataFrame] = field(default_factory=list)

    def add(self, files: Files, found: Found, rows: pl.DataFrame) -> None:
        ledger = files.ledger
        if found.kind == "items":
            rows = once(rows, "item_id", ledger)
            title = pl.col("title") if "title" in rows.columns else pl.lit("")
            self.items.append(titled(rows.with_columns(title=title)))
        elif found.kind == "entities":
            rows = once(rows, "entity_id", ledger)
            self.entities.append(rows.select("entity_id", pl.col("label").replace("", None)))
        elif found.kind == "interactions":
            rows = _split(rows, ledger)
            self.interactions.append(_ours(rows, (*IDS, "value", "timestamp")))
        else:
            keys = ("head", "relation", "tail") if found.kind == "triples" else ("item_id", "entity_id")
            rows = _split(require_ids(rows, keys, ledger), ledger)
            (self.triples if found.kind == "triples" else self.links).append(_ours(rows, keys))
        ledger.check()
        for relation in found.told:
            texts = rows.with_columns(pl.col("item_id").cast(pl.String))
            texts = texts.unique(["item_id", f"fact:{relation}"], keep="first", maintain_order=True)
            self.told.append(facts.lists(texts, f"fact:{relation}", relation))

    def raw(self, name: str, warnings: Sequence[str]) -> RawTables:
        item_facts, entities = facts.gather(self.told)
        items = pl.concat([none_of(["item_id", "title"]).select("item_id", "title"), *self.items])
        entities = pl.concat([*self.entities, entities])
        return RawTables(
            source_format=name,
            declared={
                "items": items.unique("item_id", keep="first", maintain_order=True),
                "entities": entities.unique("entity_id", keep="first", maintain_order=True),
            },
            interactions=pl.concat(self.interactions) if self.interactions else no_interactions(),
            triples=pl.concat(self.triples) if self.triples else no_triples(),
            links=pl.concat(self.links) if self.links else no_links(),
            item_facts=item_facts,
            warnings=warnings,
        )


def _paths(source: Source) -> list[Path]:
    return list(source.listed) or source.glob(*(f"*{ending}" for ending in ENDINGS))


def _dialects(path: Path, options: ReadOptions) -> list[Dialect]:
    """Give the ways in which a file may be split: the one of its ending first."""
    is_csv = path.name.removesuffix(".gz").lower().endswith(".csv")
    dialect = (CSV if is_csv else TSV).spoken(options)
    if options.separator is not None or not is_csv:
        return [dialect]
    return [Dialect(separator, dialect.quoting, dialect.quote, dialect.header) for separator in SEPARATORS]


def _names(source: Source, path: Path, dialect: Dialect) -> tuple[str, ...]:
    """Give the names of the columns: of the header, or their numbers from 1."""
    cells = heads.header(source, path, dialect.separator, dialect.quote if dialect.quoting != "none" else "")
    return cells if dialect.header else tuple(str(number) for number in range(1, len(cells) + 1))


def _ours(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    return rows.select(*ORIGIN, *columns, *(["split"] if "split" in rows.columns else []))


def _split(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    if "split" not in rows.columns:
        return rows
    return sift(rows, pl.col("split").is_in(SPLITS), ledger, "unknown split", f"one of {', '.join(SPLITS)} as split")


def _seen(names: Sequence[str]) -> str:
    shown = ", ".join(names[:10]) + ", …" * (len(names) > 10)
    return (
        f"its columns ({shown or 'none'}) are no interactions, triples, links or items; --column can say what they are"
    )


def _check(files: Files, tables: Sequence[_Table]) -> None:
    """Refuse what cannot be meant.

    Raises:
        MissingFile: there is no table.
        OSError, MalformedFile: a file cannot be read or unpacked.
        BadOption: `--column` names a column that no table has; a file has splits and another of its kind has none.
        MalformedFile: no table, or one that was named, holds anything we know.
    """
    if not tables:
        raise MissingFile(files.source.root, f"tables: files that end in {', '.join(ENDINGS)}")
    for table in tables:
        if not any(table.names):
            check_readable(table.path)
    for ours, theirs in files.options.columns.items():
        if not any(theirs in table.names for table in tables):
            if not files.options.several:
                raise BadOption("--column", f"{ours}={theirs}: no file has a column {theirs!r}")
            files.warnings.append(f"no file of {files.source.name} has a column {theirs!r} (--column {ours}={theirs})")
    strange = [table for table in tables if table.found is None]
    if strange and (files.source.listed or len(strange) == len(tables)):
        first = strange[0]
        raise MalformedFile(first.path, 1, "columns such as user_id and item_id", _seen(first.names))
    for kind in ("interactions", "triples"):
        split = {"split" in table.found.columns for table in tables if table.found and table.found.kind == kind}
        if len(split) > 1:
            raise BadOption(str(files.source.root), f"some files of {kind} have a column split, and others have none")
