"""Which literals become labels: by language, then by predicate, then the first."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.data.readers.base import ReadOptions

ReadAs = Callable[..., Any]
Write = Callable[..., Path]
LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"
SCHEMA = "<http://schema.org/name>"
FOAF = "<http://xmlns.com/foaf/0.1/name>"
FACT = "<e:a> <e:r> <e:b> .\n"


def labels(found: Any, table: str = "entities") -> dict[str, str]:
    return dict(found.raw.declared[table].rows())


@pytest.mark.parametrize(
    ("language", "label"), [(None, "Harbour"), ("en", "Harbour"), ("de", "Hafen"), ("fr", "Le port"), ("es", "plain")]
)
def test_the_label_is_in_the_language_or_else_in_none(
    read: ReadAs, write: Write, language: str | None, label: str
) -> None:
    texts = ['"plain"', '"Hafen"@de', '"Le port"@fr-CA', '"Harbour"@en']
    source = write({"a.nt": FACT + "".join(f"<e:a> {LABEL} {text} .\n" for text in texts)})
    assert labels(read("ntriples", source, options=ReadOptions(language=language))) == {"e:a": label}


def test_every_label_that_is_not_taken_is_accounted_for(read: ReadAs, write: Write) -> None:
    texts = ['"Hafen"@de', '"Harbour"@en', '"Port"@en', '"plain"']
    source = write({"a.nt": FACT + "".join(f"<e:a> {LABEL} {text} .\n" for text in texts)})
    found = read("ntriples", source)
    assert labels(found) == {"e:a": "Harbour"}
    assert found.drops("a.nt") == {
        f"literal of {LABEL[1:-1]}": (1, (2,)),
        "label, but another one is kept": (2, (4, 5)),
    }
    assert found.file("a.nt").rows_kept >= 2


def test_the_exact_language_goes_before_one_of_its_regions(read: ReadAs, write: Write) -> None:
    source = write({"a.nt": f'{FACT}<e:a> {LABEL} "Harbor"@en-US .\n<e:a> {LABEL} "Harbour"@EN .\n'})
    assert labels(read("ntriples", source)) == {"e:a": "Harbour"}


def test_rdfs_label_goes_before_schema_name_and_that_before_foaf_name(read: ReadAs, write: Write) -> None:
    rows = [f'<e:a> {FOAF} "f"@en .', f'<e:a> {SCHEMA} "s"@en .', f'<e:b> {SCHEMA} "s"@en .', f'<e:b> {LABEL} "l"@en .']
    assert labels(read("ntriples", write({"a.nt": FACT + "\n".join(rows)}))) == {"e:a": "s", "e:b": "l"}


def test_relations_have_labels_too(read: ReadAs, write: Write) -> None:
    found = read("ntriples", write({"a.nt": f'<e:r> {LABEL} "genre"@en .\n{FACT}'}))
    assert (labels(found, "relations"), labels(found)) == ({"e:r": "genre"}, {})


def test_labels_of_what_is_not_in_the_graph_declare_nothing(read: ReadAs, write: Write) -> None:
    found = read("ntriples", write({"a.nt": f'{FACT}<e:other> {LABEL} "Other"@en .\n'}))
    assert labels(found) == {}
    assert found.drops("a.nt") == {"label of nothing in the graph": (1, (2,))}


def test_labels_may_stand_in_a_file_of_their_own(read: ReadAs, write: Write) -> None:
    source = write({"1-labels.nt": f'<e:a> {LABEL} "A"@en .\n', "2-facts.nt": FACT})
    assert labels(read("ntriples", source)) == {"e:a": "A"}


def test_files_of_nothing_but_labels_declare_entities_and_say_so(read: ReadAs, write: Write) -> None:
    found = read("ntriples", write({"labels.nt": f'<e:a> {LABEL} "A"@en .\n'}))
    assert labels(found) == {"e:a": "A"}
    assert "best read with it, as one source" in found.raw.warnings[0]


def test_freebase_s_own_names_are_labels(read: ReadAs, write: Write) -> None:
    fb = "http://rdf.freebase.com/ns/"
    fact, name = f"<{fb}m.0x> <{fb}film.film.genre> <{fb}m.0g> .", f'<{fb}m.0x> <{fb}type.object.name> "Film"@en .'
    assert labels(read("ntriples", write({"a.nt": f"{fact}\n{name}\n"}))) == {"m.0x": "Film"}


def test_an_empty_label_is_none(read: ReadAs, write: Write) -> None:
    found = read("ntriples", write({"a.nt": f'{FACT}<e:a> {LABEL} ""@en .\n'}))
    assert labels(found) == {}
    assert found.drops("a.nt") == {f"literal of {LABEL[1:-1]}": (1, (2,))}
