import io
import re

import pytest
from pydantic import ValidationError
from rich.console import Console

from training.data.report import Alignment, Drop, FileReport, ImportReport, RelationCount


def report(**changes: object) -> ImportReport:
    alignment = Alignment(
        items=0,
        aligned_items=0,
        linked_entities=0,
        items_sharing_an_entity=0,
        interactions=0,
        interactions_on_aligned_items=0,
    )
    fields = {"source_format": "hand", "files": (), "tables": {}, "splits": {}, "relations": (), "alignment": alignment}
    return ImportReport.model_validate({**fields, **changes})


def rendered(report: ImportReport) -> str:
    out = io.StringIO()
    report.render(Console(file=out, width=160))
    return out.getvalue()


@pytest.mark.parametrize("kept", [7, 9])
def test_a_file_whose_rows_do_not_add_up_makes_no_report(kept: int) -> None:
    drop = Drop(reason="self-loop", rows=2, first_lines=(3, 4))
    with pytest.raises(ValidationError, match="read 10 rows, but kept"):
        FileReport(name="f", encoding="utf-8", rows_read=10, rows_kept=kept, dropped=(drop,))


def test_reasons_show_their_first_lines_and_that_there_are_more() -> None:
    drops = (
        Drop(reason="self-loop", rows=2, first_lines=(3, 4)),
        Drop(reason="empty item_id", rows=7, first_lines=(5, 6), malformed=True),
    )
    file = FileReport(
        name="f.dat", encoding="latin-1", not_utf8_from_byte=1234, rows_read=1010, rows_kept=1001, dropped=drops
    )
    text = rendered(report(files=(file,)))
    assert "2 self-loop (3, 4)" in text
    assert "7 malformed: empty item_id (5, 6, …)" in text
    assert "latin-1 (not UTF-8 from byte 1,234)" in text
    assert "1,010" in text


def test_only_the_largest_relations_are_shown_and_the_rest_is_said_to_exist() -> None:
    relations = tuple(RelationCount(relation_id=f"r{n}", label=None, triples=100 - n) for n in range(30))
    text = rendered(report(relations=relations))
    assert re.search(r"5 more +│ +365 │", text)  # 75 + 74 + 73 + 72 + 71
    assert "r24" in text
    assert "r25" not in text


def test_an_empty_report_divides_nothing_by_zero() -> None:
    assert "Alignment: 0 of 0 items (-" in rendered(report())


def test_a_report_survives_json() -> None:
    made = report(warnings=("w",), relations=(RelationCount(relation_id="r", label="R", triples=3),))
    assert ImportReport.model_validate_json(made.model_dump_json()) == made
