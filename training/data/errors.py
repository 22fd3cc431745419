"""What can go wrong between a file on disk and a data set; every message can be shown to a person as it is.

DatasetError
    MissingFile(path, expected)
    UndecodableFile(path, byte, line, encoding)
    MalformedFile(path, line, expected, found)
        TooManyBadRows(bad, rows, limit)
        ColumnOrder
    EmptyTable(table, reason)
    NoAlignment(items, entities, link_rows, samples)
    TooFewAligned(aligned, items, least)
    UnsureFormat(source, candidates, seen)
    InvalidDataset(path, reason)
    TargetExists(path, reason)
    Unwritable(file, column, text)
    BadOption(option, reason)
    TooManyShards(wanted, users)
"""

from collections.abc import Mapping, Sequence
from pathlib import Path


class DatasetError(Exception):
    """The data cannot be used; `str(error)` says where and what was expected."""


class MissingFile(DatasetError):
    """A file that the format needs is not there."""

    def __init__(self, path: Path, expected: str) -> None:
        self.path, self.expected = path, expected
        super().__init__(f"{path}: no such file; expected {expected}")


class UndecodableFile(DatasetError):
    """A byte is no text, neither in UTF-8 nor in the declared encoding."""

    def __init__(self, path: Path, byte: int, line: int, encoding: str) -> None:
        self.path, self.byte, self.line, self.encoding = path, byte, line, encoding
        hint = "declare another one with --encoding (latin-1 and cp1252 are the usual ones)"
        super().__init__(f"{path}, line {line}: byte {byte} (counted from 0) is not valid {encoding}; {hint}")


class MalformedFile(DatasetError):
    """A line is not what the format says. Lines are counted from 1."""

    def __init__(self, path: Path, line: int, expected: str, found: str, note: str = "") -> None:
        self.path, self.line, self.expected, self.found = path, line, expected, found
        super().__init__(f"{path}, line {line}: expected {expected}, found {found}{note}")


class TooManyBadRows(MalformedFile):
    """More rows of one file are malformed than the limit allows; the first of them is named."""

    def __init__(self, path: Path, line: int, expected: str, found: str, bad: int, rows: int, limit: float) -> None:
        self.bad, self.rows, self.limit = bad, rows, limit
        note = f"; {bad} of {rows} rows are malformed, more than --max-bad-share {limit:g} allows"
        super().__init__(path, line, expected, found, note)


class ColumnOrder(MalformedFile):
    """Heads, relations and tails seem to stand in another order than the format says."""

    def __init__(self, path: Path, line: int, expected: str, found: str) -> None:
        super().__init__(path, line, expected, found, "; wrong column order?")


class EmptyTable(DatasetError):
    """Nothing is left of a table that training needs."""

    def __init__(self, table: str, reason: str) -> None:
        self.table, self.reason = table, reason
        super().__init__(f"the table {table} would be empty: {reason}")


class NoAlignment(DatasetError):
    """No item stands for an entity, so the graph could teach the recommender nothing."""

    def __init__(
        self, items: int, entities: int, link_rows: int, samples: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.items, self.entities, self.link_rows = items, entities, link_rows
        shown = "; ".join(f"{kind}: {', '.join(map(repr, ids))}" for kind, ids in (samples or {}).items() if ids)
        advice = (
            "compare how ids are spelled in the link file and in the other files"
            if link_rows
            else "bring links, such as a table with the columns item_id and entity_id"
        )
        super().__init__(
            f"0 of {items} items are aligned: none of the {link_rows} link rows names both a known item and one of "
            f"the {entities} known entities; {advice}{f' ({shown})' if shown else ''}"
        )


class TooFewAligned(DatasetError):
    """Fewer items stand for an entity than was asked for."""

    def __init__(self, aligned: int, items: int, least: float) -> None:
        self.aligned, self.items, self.least = aligned, items, least
        super().__init__(
            f"{aligned} of {items} items are aligned with an entity, a share of {aligned / items:.3f}; "
            f"--min-aligned-share asks for {least:g}"
        )


class UnsureFormat(DatasetError):
    """What is in a source fits no format well, or several. `seen` says what is there."""

    def __init__(self, source: str, candidates: Sequence[str], seen: str = "") -> None:
        self.source, self.candidates, self.seen = source, candidates, seen
        fits = f"it may be {' or '.join(candidates)}" if candidates else "it looks like none that is known"
        what = f" ({seen})" if seen and not candidates else ""
        own = "" if candidates else "; of a table of your own, name the columns: --column user_id=reader"
        super().__init__(
            f"{source}: the format is not certain, {fits}{what}; name it: FORMAT={source}, or --format "
            f"(--help-format all shows the files of each){own}"
        )


class InvalidDataset(DatasetError):
    """A data set directory is cut, changed or not ours."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} is not a usable data set: {reason}")


class TooManyShards(DatasetError):
    """More shards of users are wanted than there are users."""

    def __init__(self, wanted: int, users: int) -> None:
        self.wanted, self.users = wanted, users
        super().__init__(
            f"data_shards: {wanted:,} shards are wanted of {users:,} users; expected at most one for each user"
        )


class TargetExists(DatasetError):
    """The place to write to is taken."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} {reason}")


class Unwritable(DatasetError):
    """A text that a format has no way to write."""

    def __init__(self, file: str, column: str, text: str) -> None:
        self.file, self.column, self.text = file, column, text
        super().__init__(f"{file}: the {column} {text!r} holds a tab or a line end, which this format cannot write")


class BadOption(DatasetError):
    """An option has a value that means nothing here."""

    def __init__(self, option: str, reason: str) -> None:
        self.option, self.reason = option, reason
        super().__init__(f"{option}: {reason}")
