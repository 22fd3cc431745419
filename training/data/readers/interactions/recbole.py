"""RecBole's atomic files: tabs, and a header in which each column says its type."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from training.data.errors import BadOption, MissingFile
from training.data.ledger import ORIGIN, Ledger
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
from training.data.readers.interactions.shared.files import SPOKEN, Files, named, none_of, once, titled
from training.data.readers.rows import TSV, Header
from training.data.readers.source import Source

INTER = {"user_id": "user_id", "item_id": "item_id", "value": "rating", "timestamp": "timestamp"}
KG = {"head": "head_id", "relation": "relation_id", "tail": "tail_id"}
LINK = {"item_id": "item_id", "entity_id": "entity_id"}
ENDINGS = ("*.inter", "*.kg", "*.link", "*.item", "*.user")
SEQUENCE = " "  # RecBole's separator of the members of a token_seq

LAYOUT = """\
*.inter   user_id:token TAB item_id:token TAB rating:float TAB timestamp:float
          196 TAB 242 TAB 3 TAB 881250949
*.kg      head_id:token TAB relation_id:token TAB tail_id:token
          m.04n TAB film.film.genre TAB m.07s
*.link    item_id:token TAB entity_id:token
          2694 TAB m.02hxhz
*.item    item_id:token TAB movie_title:token_seq TAB class:token_seq
          1 TAB Toy Story TAB Animation Comedy
          (columns of tokens are facts of the item, where there is no .kg)
*.user    user_id:token TAB …; the ids are used
Each may be left out. NAME.train.inter, .valid and .test are splits.
Other names: --column item_id=artist_id, --column value=weight, …"""

_TYPED = re.compile(r"\s*([^\s:][^:]*):(token|token_seq|float|float_seq)\s*")
_LOOKS_TYPED = re.compile(r"\w:(token|float)(_seq)?\b")
_SPLIT = re.compile(r"(.+)\.(train|valid|test)\.inter(\.gz)?")


class RecboleReader:
    """Reads interactions, a graph, links and what is said of items; splits where files have them."""

    name = "recbole"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"interactions", "triples", "links"})

    def recognise(self, source: Source) -> Recognition:
        """See `Reader.recognise`."""
        for path in source.glob(*ENDINGS):
            first = next(iter(heads.lines(source, path)), "")
            if _LOOKS_TYPED.search(first):
                sure = all(_TYPED.fullmatch(cell) for cell in first.split("\t"))
                return Recognition(1.0 if sure else 0.7, f"{source.name_of(path)} has a header with types")
        return NOT_MINE

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """See `Reader.read`."""
        files = Files(source, options, ledger, TSV.spoken(options))
        if not source.glob(*ENDINGS):
            raise MissingFile(source.root / "*.inter", "atomic files of RecBole, as *.inter, *.kg or *.link")
        users = [_listed(files, path, _only_id("user_id"), "user_id") for path in source.glob("*.user")]
        items = [_listed(files, path, _item_columns, "item_id") for path in source.glob("*.item")]
        described = [_described(rows) for rows in items]
        if source.glob("*.kg"):  # the graph is that one, then
            described = [([], rows) for _, rows in described]
        item_facts, entities = facts.gather([part for parts, _ in described for part in parts])
        files.warnings.extend(_unused(files, path, facts_too=bool(source.glob("*.kg"))) for path in _lists(source))
        return RawTables(
            source_format=self.name,
            declared={
                "users": pl.concat([none_of(["user_id"]), *users]).select("user_id").unique(maintain_order=True),
                "items": pl.concat([none_of(["item_id", "title"]), *(rows for _, rows in described)])
                .pipe(titled)
                .unique("item_id", keep="first", maintain_order=True),
                "entities": entities,
            },
            interactions=_interactions(files),
            triples=_all(files, "*.kg", KG, no_triples()),
            links=_all(files, "*.link", LINK, no_links()),
            item_facts=item_facts,
            warnings=[warning for warning in files.warnings if warning],
        )


def _interactions(files: Files) -> pl.DataFrame:
    paths = files.source.glob("*.inter")
    splits = {path: found[2] for path in paths if (found := _SPLIT.fullmatch(path.name))}
    stems = {path.name.split(".inter")[0] for path in paths if path not in splits}
    if splits and stems:
        files.warnings.append(f"not used, since there are files of splits: {', '.join(sorted(stems))}")
    elif len(stems) > 1 and not files.source.listed:
        raise BadOption(
            str(files.source.root), f"holds several data sets ({', '.join(sorted(stems))}); name the files of one"
        )
    columns = _ours(INTER, files.options)
    optional = [name for name in ("value", "timestamp") if name not in files.options.columns]
    header = _typed(named(columns, optional))
    parts = []
    for path in splits or paths:
        rows = files.interactions(path, header, expected=_expected(files, path, columns, optional))
        parts.append(rows.with_columns(split=pl.lit(splits[path])) if splits else rows)
    return pl.concat(parts) if parts else no_interactions()


def _all(files: Files, pattern: str, theirs: Mapping[str, str], none: pl.DataFrame) -> pl.DataFrame:
    columns = _ours(theirs, files.options)

    def refine(rows: pl.DataFrame) -> pl.DataFrame:
        return require_ids(rows, tuple(columns), files.ledger)

    header = _typed(named(columns))
    parts = [
        files.rows(path, header, expected=_expected(files, path, columns), refine=refine)
        for path in files.source.glob(pattern)
    ]
    files.ledger.check()
    return pl.concat(parts) if parts else none


def _listed(
    files: Files, path: Path, header: Callable[[tuple[str, ...]], Mapping[str, int] | None], key: str
) -> pl.DataFrame:
    return once(files.rows(path, header, expected=_expected(files, path, {key: key})), key, files.ledger)


def _described(rows: pl.DataFrame) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Give the facts that the rows of a .item file tell, and its rows with a title."""
    parts = []
    for column in rows.columns:
        kind, _, name = column.partition(":")
        if kind == "token":
            parts.append(facts.single(rows, column, name))
        elif kind == "token_seq":
            parts.append(facts.several(rows, column, name, SEQUENCE))
    title = "title" if "title" in rows.columns else pl.lit("").alias("title")
    return parts, rows.select(*ORIGIN, "item_id", title)


def _typed(places: Header) -> Header:
    """Take the types off the header before places are looked for; no header is one where a cell has none."""

    def without_types(header: tuple[str, ...]) -> Mapping[str, int] | None:
        cells = [_TYPED.fullmatch(cell) for cell in header]
        names = tuple(found[1] for found in cells if found)
        return places(names) if len(names) == len(header) else None

    return without_types


def _only_id(key: str) -> Header:
    return _typed(named({key: key}))


def _item_columns(header: tuple[str, ...]) -> Mapping[str, int] | None:
    """Find the id, the title, and every column of tokens, named by its type and its name: `token_seq:class`."""
    places = _only_id("item_id")(header)
    if places is None:
        return None
    found, told = dict(places), [_TYPED.fullmatch(cell) for cell in header]
    names = [cell[1] for cell in told if cell]
    title = facts.title_of(names)
    for place, cell in enumerate(told):
        if cell and cell[1] == title:
            found.setdefault("title", place)
        elif cell and cell[2].startswith("token") and cell[1] != "item_id" and not facts.is_prose(cell[1]):
            found.setdefault(f"{cell[2]}:{cell[1]}", place)
    return found


def _ours(theirs: Mapping[str, str], options: ReadOptions) -> dict[str, str]:
    return {ours: options.columns.get(ours, name) for ours, name in theirs.items()}


def _expected(files: Files, path: Path, columns: Mapping[str, str], optional: Sequence[str] = ()) -> str:
    """Say what the header should be; and, where the separator seems to be another one, which."""
    separator = files.dialect.separator
    needed = ", ".join(theirs for ours, theirs in columns.items() if ours not in optional)
    expected = f"columns separated by {SPOKEN.get(separator, separator)}, each as name:type, among them {needed}"
    first = next(iter(heads.lines(files.source, path)), "")
    for other, spoken in SPOKEN.items():
        cells = first.strip().split(other)
        if other != separator and len(cells) > 1 and all(_TYPED.fullmatch(cell) for cell in cells):
            return f"{expected} (here {spoken} seem to separate them: say so with --separator)"
    return expected


def _lists(source: Source) -> list[Path]:
    return source.glob("*.item", "*.user")


def _unused(files: Files, path: Path, *, facts_too: bool) -> str:
    """Name the columns of a list that nothing is made of; where there is a graph, no facts are."""
    header = heads.header(files.source, path, files.dialect.separator, "")
    used = _item_columns(header) if ".item" in path.name else _only_id("user_id")(header)
    if used and facts_too:
        used = {name: place for name, place in used.items() if ":" not in name}
    left = [cell for place, cell in enumerate(header) if place not in (used or {}).values()]
    why = " (the graph is that of the .kg file)" if facts_too and ".item" in path.name else ""
    return f"{files.source.name_of(path)}: not used: {', '.join(left)}{why}" if used and left else ""
