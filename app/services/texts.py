"""The sentences of explanations: a message catalogue, and readable names for ids.

A template is filled with verified fields only. Nothing in it may be untrue for any field: no tense, number or kind
of item is assumed.
"""

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote

Message = Literal[
    "grounded", "grounded_as_tail", "grounded_direct", "model_only", "model_only_tied", "model_only_insensitive"
]

MESSAGES: Mapping[str, Mapping[Message, str]] = {
    "en": {
        "grounded": "Because of {history} in your history: the same {relation}, {entity}.",
        "grounded_as_tail": "Because of {history} in your history: {entity} has both under “{relation}”.",
        "grounded_direct": "Because of {history} in your history: the two are linked by “{relation}”.",
        "model_only": "The model gives most weight to {relation} here; no stored fact was found that ties this to "
        "your history.",
        "model_only_tied": "The model gives most weight to {relation} here; a stored fact ties this to {history} in "
        "your history by another relation, {other}.",
        "model_only_insensitive": "A stored fact ties this to {history} in your history by {relation}, but the model "
        "would score it no lower without that.",
    }
}

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def sentence(message: Message, language: str = "en", **fields: str) -> str:
    """Fill a template; a language without a catalogue reads as English."""
    return MESSAGES.get(language, MESSAGES["en"])[message].format(**fields)


def relation_name(relation_id: str, label: str | None) -> str:
    """Name a relation: its label, or the last part of its id in words.

    >>> relation_name("http://dbpedia.org/ontology/musicComposer", None)
    'music composer'
    """
    if label:
        return label
    words = _CAMEL.sub(" ", _last_part(relation_id)).split(" ")
    return " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)


def thing_name(thing_id: str, label: str | None) -> str:
    """Name an entity or item: its label or title, or the last part of its id.

    >>> thing_name("http://dbpedia.org/resource/Ridley_Scott", None)
    'Ridley Scott'
    """
    return label or _last_part(thing_id)


def _last_part(identifier: str) -> str:
    """Take the last segment of an IRI, decoded, with spaces for underscores; other ids stay as they are."""
    if "://" not in identifier:
        return identifier.replace("_", " ").strip() or identifier
    segment = re.split(r"[/#]", identifier.rstrip("/#"))[-1]
    return unquote(segment, errors="replace").replace("_", " ").strip() or identifier
