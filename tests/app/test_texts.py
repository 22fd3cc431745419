"""Names that people can read, and sentences that hold for any field."""

import string

import pytest

from app.services.texts import MESSAGES, relation_name, sentence, thing_name


@pytest.mark.parametrize(
    ("relation_id", "label", "name"),
    [
        ("http://dbpedia.org/ontology/musicComposer", None, "music composer"),
        ("http://dbpedia.org/ontology/director", None, "director"),
        ("http://www.w3.org/1999/02/22-rdf-syntax-ns#type", None, "type"),
        ("http://dbpedia.org/ontology/director", "directed by", "directed by"),
        ("http://example.org/hasURLTemplate", None, "has URL template"),
        ("http://example.org/", None, "example.org"),
        ("based_on", None, "based on"),
        ("/film/film/directed_by", None, "/film/film/directed by"),
        ("_", None, "_"),
    ],
)
def test_a_relation_is_named_by_its_label_or_by_its_id_in_words(relation_id: str, label: str | None, name: str) -> None:
    assert relation_name(relation_id, label) == name


def test_a_thing_is_named_by_its_label_or_by_its_decoded_id() -> None:
    assert thing_name("http://dbpedia.org/resource/Caf%C3%A9_Noir", None) == "Café Noir"
    assert thing_name("i1", "Alien") == "Alien"
    assert thing_name("i1", "") == "i1"


def test_a_title_with_braces_is_text_and_not_a_template() -> None:
    text = sentence("grounded", history="{relation}", relation="director", entity="{0} {entity.__class__}")
    assert text == "Because of {relation} in your history: the same director, {0} {entity.__class__}."


def test_every_language_has_every_message_with_the_same_fields() -> None:
    def fields(template: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(template) if name}

    for messages in MESSAGES.values():
        assert messages.keys() == MESSAGES["en"].keys()
        for message, template in messages.items():
            assert fields(template) == fields(MESSAGES["en"][message])
