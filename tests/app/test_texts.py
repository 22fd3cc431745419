"""Names that people can read, and sentences that hold for any field."""

import string
from typing import get_args

import pytest

from app.services.texts import LANGUAGES, MESSAGES, Message, language_of, relation_name, sentence, thing_name


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
    text = sentence("en", "grounded", history="{relation}", relation="director", entity="{0} {entity.__class__}")
    assert text == "Like {relation} in your history: the same director, {0} {entity.__class__}."


def test_every_language_has_every_message_with_the_same_fields() -> None:
    def fields(template: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(template) if name}

    assert LANGUAGES == ("de", "en")
    for messages in MESSAGES.values():
        assert set(messages) == set(get_args(Message))
        for message, template in messages.items():
            assert fields(template) == fields(MESSAGES["en"][message])


@pytest.mark.parametrize("message", get_args(Message))
def test_no_sentence_is_left_in_another_language(message: Message) -> None:
    assert MESSAGES["de"][message] != MESSAGES["en"][message]


@pytest.mark.parametrize(("language", "word"), [("en", "Because of"), ("de", "Wegen")])
def test_only_messages_for_what_was_tried_say_because(language: str, word: str) -> None:
    assert {message for message, template in MESSAGES[language].items() if template.startswith(word)} == {
        "because",
        "because_as_tail",
        "because_direct",
    }
    others = [template for message, template in MESSAGES[language].items() if not message.startswith("because")]
    assert not [template for template in others if word.lower() in template.lower()]


def test_a_language_without_a_catalogue_reads_as_english() -> None:
    assert sentence("xx", "model_only", relation="genre") == sentence("en", "model_only", relation="genre")


@pytest.mark.parametrize(
    ("asked", "header", "language"),
    [
        (None, None, "en"),
        (None, "de", "de"),
        (None, "DE-at", "de"),
        (None, "fr, de;q=0.5", "de"),
        (None, "de;q=0.5, en;q=0.9", "en"),
        (None, "de;q=0.5, en; q=0.5", "de"),
        (None, "de;q=0, fr", "en"),
        (None, "*, de;q=0.9", "en"),
        (None, "de;q=2", "en"),
        (None, "de;level=1", "en"),
        (None, ",;,q=;;", "en"),
        (None, "fr," * 5_000 + "de", "en"),
        ("en", "de", "en"),
        ("de", "en", "de"),
    ],
)
def test_the_language_is_that_asked_for_or_the_best_of_the_header(
    asked: str | None, header: str | None, language: str
) -> None:
    assert language_of(asked, header) == language
