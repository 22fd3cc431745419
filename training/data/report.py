"""What an import understood: every row that was read is kept, or dropped for a reason that is named here."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator
from rich.console import Console
from rich.table import Table
from rich.text import Text

_SHOWN_RELATIONS = 25


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Drop(_Frozen):
    """Rows of one file that were left out for one reason; lines are counted from 1."""

    reason: str
    rows: int
    first_lines: tuple[int, ...]
    malformed: bool = False


class FileReport(_Frozen):
    """One source file. Blank lines and the header are no rows."""

    name: str
    encoding: str
    not_utf8_from_byte: int | None = None
    rows_read: int
    rows_kept: int
    blank_lines: int = 0
    dropped: tuple[Drop, ...] = ()

    @model_validator(mode="after")
    def _every_row_is_accounted_for(self) -> Self:
        dropped = sum(drop.rows for drop in self.dropped)
        if self.rows_read != self.rows_kept + dropped:
            raise ValueError(f"{self.name}: read {self.rows_read} rows, but kept {self.rows_kept} + dropped {dropped}")
        return self


class Overlap(_Frozen):
    """Rows that stood in two splits; they stay in the earlier one (train, then valid, then test)."""

    table: str
    kept_in: str
    removed_from: str
    rows: int


class RelationCount(_Frozen):
    """Triples of one relation, over all splits."""

    relation_id: str
    label: str | None
    triples: int


class Grades(_Frozen):
    """What the values of the interactions were taken for, before anything else was left out.

    `zeros` says what a value of 0 was taken for: `keep`, `drop` or `implicit`; `without_value` counts positive rows.
    """

    positive_from: float | None
    positive: int
    negative: int
    zeros: str
    zero_rows: int
    without_value: int


class Inverse(_Frozen):
    """A relation of which most valid and test facts stand in train turned around, as facts of another (or the same)."""

    relation: str
    inverse: str
    reversed: int
    facts: int


class NamePair(_Frozen):
    """A link whose item and entity both have a name."""

    item_id: str
    title: str
    entity_id: str
    label: str
    alike: bool


class Alignment(_Frozen):
    """How far the items are tied to the graph; names were compared where both sides have one."""

    items: int
    aligned_items: int
    linked_entities: int
    items_sharing_an_entity: int
    interactions: int
    interactions_on_aligned_items: int
    names_compared: int = 0
    names_alike: int = 0
    samples: tuple[NamePair, ...] = ()


class ImportReport(_Frozen):
    """What one import read, kept and left out; stored in the manifest, shown by `render`."""

    source_format: str
    files: tuple[FileReport, ...]
    tables: dict[str, int]
    splits: dict[str, dict[str, int]]
    relations: tuple[RelationCount, ...]
    alignment: Alignment
    overlaps: tuple[Overlap, ...] = ()
    rules: dict[str, str] = {}
    grades: Grades | None = None
    inverses: tuple[Inverse, ...] = ()
    seen_only_later: dict[str, int] = {}
    warnings: tuple[str, ...] = ()

    def render(self, console: Console) -> None:
        """Print the report as tables; what a file says is never read as markup."""
        console.print(_files_table(self.files))
        console.print(_counts_table(self))
        console.print(_relations_table(self.relations))
        _say_alignment(self.alignment, console)
        if self.grades is not None:
            _say_grades(self.grades, console)
        for overlap in self.overlaps:
            kept, removed = overlap.kept_in, overlap.removed_from
            console.print(f"Overlap: {overlap.rows:,} {overlap.table} left {removed}, because {kept} holds them, too.")
        for warning in self.warnings:
            console.print(Text(f"Warning: {warning}", style="yellow"))
        if self.rules:
            console.print(Text("Rules: " + ", ".join(f"{option} {value}" for option, value in self.rules.items())))


def _say_alignment(a: Alignment, console: Console) -> None:
    share = f"{_percent(a.interactions_on_aligned_items, a.interactions)} of the interactions"
    console.print(
        f"Alignment: {a.aligned_items:,} of {a.items:,} items ({_percent(a.aligned_items, a.items)}, {share}) "
        f"stand for {a.linked_entities:,} entities; {a.items_sharing_an_entity:,} items share theirs."
    )
    if a.samples:
        table = Table(
            title=f"Linked names: {_percent(a.names_alike, a.names_compared)} of {a.names_compared:,} are alike",
            title_justify="left",
        )
        for column in ("item", "title", "entity", "label", "alike"):
            table.add_column(column)
        for pair in a.samples:
            cells = (pair.item_id, pair.title, pair.entity_id, pair.label, "yes" if pair.alike else "no")
            table.add_row(*map(Text, cells))
        console.print(table)


def _say_grades(grades: Grades, console: Console) -> None:
    if grades.positive_from is None:
        threshold = "no threshold: every row is positive, whatever its value"
    else:
        threshold = f"positive from {grades.positive_from:g} on"
    console.print(f"Values: {grades.positive:,} positive, {grades.negative:,} negative and left out ({threshold}).")
    if grades.zero_rows:
        what = {"keep": "kept as values", "drop": "dropped", "implicit": "taken as implicit: rows without a value"}
        console.print(f"Zeros: {grades.zero_rows:,} {what[grades.zeros]}.")


def _files_table(files: tuple[FileReport, ...]) -> Table:
    table = Table(title="Files", title_justify="left")
    for column in ("file", "encoding"):
        table.add_column(column)
    for column in ("rows read", "kept", "dropped"):
        table.add_column(column, justify="right")
    table.add_column("why (first lines)")
    for file in files:
        encoding = file.encoding
        if file.not_utf8_from_byte is not None:
            encoding += f" (not UTF-8 from byte {file.not_utf8_from_byte:,})"
        counts = (file.rows_read, file.rows_kept, file.rows_read - file.rows_kept)
        reasons = "\n".join(_reason(drop) for drop in file.dropped)
        table.add_row(Text(file.name), encoding, *(f"{count:,}" for count in counts), Text(reasons))
    return table


def _reason(drop: Drop) -> str:
    lines = ", ".join(map(str, drop.first_lines)) + (", …" if drop.rows > len(drop.first_lines) else "")
    return f"{drop.rows:,} {'malformed: ' if drop.malformed else ''}{drop.reason} ({lines})"


def _counts_table(report: ImportReport) -> Table:
    table = Table(title="Data set", title_justify="left")
    table.add_column("table")
    for column in ("rows", "train", "valid", "test"):
        table.add_column(column, justify="right")
    for name, rows in report.tables.items():
        parts = report.splits.get(name, {}).values()
        table.add_row(name, f"{rows:,}", *(f"{part:,}" for part in parts))
    return table


def _relations_table(relations: tuple[RelationCount, ...]) -> Table:
    total = sum(relation.triples for relation in relations)
    table = Table(title="Triples by relation", title_justify="left")
    table.add_column("relation")
    table.add_column("triples", justify="right")
    table.add_column("share", justify="right")
    for relation in relations[:_SHOWN_RELATIONS]:
        name = Text(relation.label or relation.relation_id)
        table.add_row(name, f"{relation.triples:,}", _percent(relation.triples, total))
    rest = [relation.triples for relation in relations[_SHOWN_RELATIONS:]]
    if rest:
        table.add_row(f"{len(rest):,} more", f"{sum(rest):,}", _percent(sum(rest), total))
    return table


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
