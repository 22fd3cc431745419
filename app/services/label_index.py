"""Labels in memory, found by how they begin, by their words, and by words that are spelt nearly so.

In memory, because both databases then give the same answers: neither folds accents nor measures distances as the
other does. About 400 bytes a label; a million are read and sorted in some seconds, off the event loop.
"""

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from rapidfuzz import fuzz, process

Match = Literal["exact", "prefix", "word", "fuzzy"]

LEAST_SIMILAR = 75.0
"""Two words are nearly the same from here on: twice the letters in common, in order, over all letters, in percent."""

_SHORT = 3
_MOST_ROWS = 50_000
_MOST_WORDS = 50
_MOST_QUERY_WORDS = 8
_AFTER_ALL = "\U0010ffff"
_WORD = re.compile(r"\w+")
# Letters that Unicode does not take apart.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "_": " "})


@dataclass(frozen=True, slots=True)
class Found:
    """An entity that a search found; `label` as it is stored."""

    entity_id: str
    label: str | None
    match: Match


def fold(text: str) -> str:
    """Write a text in small letters without accents, its words parted by one space.

    >>> fold("  Amélie — Łódź, ÆON_Flux! ")
    'amelie lodz aeon flux'
    """
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return " ".join(_WORD.findall(bare.translate(_LETTERS)))


class LabelIndex:
    """All labels of one version. It is never changed."""

    def __init__(self, version: int, entities: Iterable[tuple[str, str | None, str]]) -> None:
        """Sort entities: id, stored label, and the name by which people look for it."""
        self.version = version
        rows = sorted((fold(name), entity_id, label) for entity_id, label, name in entities)
        self._folded = [row[0] for row in rows]
        self._entities = [(row[1], row[2]) for row in rows]
        places: defaultdict[str, list[int]] = defaultdict(list)
        for place, folded in enumerate(self._folded):
            for word in dict.fromkeys(folded.split(" ")):
                places[word].append(place)
        self._places = dict(places)
        self._words = sorted(places)

    def search(self, query: str, limit: int) -> list[Found]:
        """Find labels: equal ones, those that begin so, those whose words begin so, those that are spelt nearly so.

        Within each kind in the order of the folded labels, then of ids; nearly equal ones by similarity first.
        """
        folded = fold(query)
        if not folded:
            return []
        words = folded.split(" ")[:_MOST_QUERY_WORDS]
        chosen: dict[int, Match] = {}
        for match, find in self._ways(folded, words):
            if len(chosen) < limit:
                places = (place for place in find() if place not in chosen)
                chosen |= dict.fromkeys(islice(places, limit - len(chosen)), match)
        equal = {place for place in chosen if self._folded[place] == folded}
        return [Found(*self._entities[place], "exact" if place in equal else match) for place, match in chosen.items()]

    def _ways(self, folded: str, words: list[str]) -> list[tuple[Match, Callable[[], Iterable[int]]]]:
        """The ways to look, from the strictest; a later one is not gone where the earlier ones found enough."""
        return [
            ("prefix", lambda: self._beginning(folded)),
            ("word", lambda: self._with_words(words)),
            ("fuzzy", lambda: self._nearly(words)),
        ]

    def _beginning(self, folded: str) -> range:
        return range(bisect_left(self._folded, folded), bisect_left(self._folded, folded + _AFTER_ALL))

    def _with_words(self, words: list[str]) -> list[int]:
        """Find labels in which each word is the beginning of one."""
        return sorted(set.intersection(*(set(self._places_of_words(self._words_from(word))) for word in words)))

    def _words_from(self, beginning: str) -> list[str]:
        return self._words[bisect_left(self._words, beginning) : bisect_left(self._words, beginning + _AFTER_ALL)]

    def _places_of_words(self, words: Iterable[str]) -> Iterator[int]:
        return islice((place for word in words for place in self._places[word]), _MOST_ROWS)

    def _nearly(self, words: list[str]) -> list[int]:
        """Find labels that have a similar word for each, the most similar first."""
        similar = [self._similar_places(word) for word in words]
        everywhere = set.intersection(*(set(places) for places in similar))
        return sorted(everywhere, key=lambda place: (-sum(places[place] for places in similar), place))

    def _similar_places(self, word: str) -> dict[int, float]:
        """Map each place that has a word like this one to its similarity; a short word has to begin one."""
        if len(word) < _SHORT:
            return dict.fromkeys(self._places_of_words(self._words_from(word)), 100.0)
        near = process.extract(word, self._words, scorer=fuzz.ratio, score_cutoff=LEAST_SIMILAR, limit=_MOST_WORDS)
        similar: dict[int, float] = {}
        for found, score, _ in near:
            for place in self._places_of_words([found]):
                similar[place] = max(score, similar.get(place, 0.0))
        return similar
