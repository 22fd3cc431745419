"""What an import understood: every row that was read is kept, or dropped for a reason that is named here."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator


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


class Alignment(_Frozen):
    """How far the items are tied to the graph."""

    items: int
    aligned_items: int
    linked_entities: int
    items_sharing_an_entity: int
    interactions: int
    interactions_on_aligned_items: int


class ImportReport(_Frozen):
    """What one import read, kept and left out; stored in the manifest, shown by `render`."""

    source_format: str
    files: tuple[FileReport, ...]
    tables: dict[str, int]
    splits: dict[str, dict[str, int]]
    relations: tuple[RelationCount, ...]
    alignment: Alignment
    overlaps: tuple[Overlap, ...] = ()
    warnings: tuple[str, ...] = ()
