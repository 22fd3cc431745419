"""The sentences of explanations: message catalogues, one file a language in messages/, and readable names for ids.

A template is filled with verified fields only. Nothing in it may be untrue for any field: no tense, number, gender or
kind of item is assumed. Another language is another file with the same messages and fields, held by a test.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

Message = Literal[
    "grounded", "grounded_as_tail", "grounded_direct",
    "because", "because_as_tail", "because_direct",
    "model_only", "model_only_tied", "model_only_insensitive",
]  # fmt: skip

DEFAULT_LANGUAGE = "en"
_FOLDER = Path(__file__).parent / "messages"


def _read(folder: Path) -> Mapping[str, Mapping[str, str]]:
    return {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.toml"))}


MESSAGES = _read(_FOLDER)
"""The templates by language (the name of the file) and message."""
LANGUAGES = tuple(MESSAGES)

_QUALITY = re.compile(r"[qQ]\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")
_LONGEST_HEADER = 1_000
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def sentence(language: str, message: Message, **fields: str) -> str:
    """Fill a template; a language without a catalogue reads as English."""
    return MESSAGES.get(language, MESSAGES[DEFAULT_LANGUAGE])[message].format(**fields)


def language_of(asked: str | None, header: str | None) -> str:
    """Choose a language: the one that is asked for by name, else the best of an Accept-Language header, else English.

    By RFC 9110 the greatest q is the best, of equals the first; q=0 refuses, `*` is English, `de-AT` is read as `de`.

    >>> language_of(None, "fr, de-AT;q=0.8, en;q=0.5")
    'de'
    """
    if asked is not None:
        return asked if asked in MESSAGES else DEFAULT_LANGUAGE
    best, chosen = 0.0, DEFAULT_LANGUAGE
    for part in (header or "")[:_LONGEST_HEADER].split(","):
        tag, _, parameter = part.partition(";")
        name = tag.strip().lower().partition("-")[0]
        quality = _quality(parameter)
        if quality > best and (name in MESSAGES or name == "*"):
            best, chosen = quality, name if name in MESSAGES else DEFAULT_LANGUAGE
    return chosen


def _quality(parameter: str) -> float:
    """Read `q=0.8`; nothing is 1, and what is no such number 0."""
    if not parameter.strip():
        return 1.0
    found = _QUALITY.fullmatch(parameter.strip())
    return float(found[1]) if found else 0.0


@lru_cache(maxsize=4_096)
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
