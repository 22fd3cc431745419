"""Whether linked items and entities have the same names: links made for another release point at the wrong ones."""

import re
import unicodedata
from urllib.parse import unquote

import polars as pl
from rapidfuzz import fuzz

from training.data.report import NamePair

SAMPLE = 10
_ALIKE = 80  # of 100, by the share of equal words and letters
_COMPARED = 10_000  # pairs at most; the share of more would hardly differ
_NAMED_IRI = re.compile(r"^<?https?://[^?#]*/(?:resource|wiki)/([^?#>]+)>?$")
_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")


def compare(links: pl.DataFrame, items: pl.DataFrame, entities: pl.DataFrame) -> tuple[NamePair, ...]:
    """Compare titles with labels over at most 10,000 links, evenly taken, of those where both are known.

    An entity without a label has the name that its IRI ends in, where that is one (`.../resource/Blue_Hill`).
    """
    named = links.join(items, on="item_id", how="left", maintain_order="left")
    named = named.join(entities, on="entity_id", how="left", maintain_order="left").filter(
        pl.col("title").is_not_null()
    )
    step = max(1, named.height // _COMPARED)
    pairs = []
    for item, entity, title, label in named.gather_every(step).select("item_id", "entity_id", "title", "label").rows():
        name = label or _name_in(entity)
        if name and title:
            pairs.append(NamePair(item_id=item, title=title, entity_id=entity, label=name, alike=alike(title, name)))
    return tuple(pairs)


def alike(title: str, label: str) -> bool:
    """Say whether two names are likely to mean the same thing; case, accents, articles, years in brackets do not count.

    >>> alike("Harbour, The (1995)", "The Harbour"), alike("Blue Hill (1990)", "Night")
    (True, False)
    """
    one, other = _plain(title), _plain(label)
    return bool(one) and fuzz.token_set_ratio(one, other) >= _ALIKE


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", _BRACKETS.sub(" ", name).casefold())
    words = re.findall(r"\w+", "".join(letter for letter in letters if not unicodedata.combining(letter)))
    return " ".join(word for word in words if word not in ("the", "a", "an")) or " ".join(words)


def _name_in(iri: str) -> str | None:
    found = _NAMED_IRI.match(iri)
    return unquote(found[1]).replace("_", " ").strip() if found else None
