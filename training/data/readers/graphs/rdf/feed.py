"""Lines handed to a Turtle parser one by one, so that it is known which line it is at, and can be set right.

What a parser makes of the rest of a broken statement is no matter of the file: it joins halves of two statements, or
leaves a sound one out. So a parser is given up at its first mistake, and a new one begins behind the next dot.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_TOKENS = re.compile(r'''#.*|<[^<>"\s]*>|"""|\'\'\'|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|["']|\\.|\.(?=\s|\#|$)''')
_REST_OF_LONG = {quotes: re.compile(rf"(?:[^\\]|\\.)*?{quotes}") for quotes in ('"""', "'''")}
_FORBIDDEN = re.compile(r'[\x00-\x20<>"{}|^`\\]')
_OPENING = frozenset(('"', "'", '"""', "'''"))


@dataclass
class Feed:
    """A binary file of Turtle that gives one line a read, and none whose quote does not end on it.

    Attributes:
        lines: without their ends.
        line: the number of the line that was given last, from 1 on.
        refused: the numbers of the lines that were held back; an empty line stood in for each.
    """

    lines: Iterator[str]
    line: int = 0
    refused: deque[int] = field(default_factory=deque)
    _header: str = ""  # what this parser was told ahead of its first line ...
    _first: int = 1  # ... and the number of that line
    _taken: int = 0  # lines taken from `lines`
    _seen: deque[tuple[int, str]] = field(default_factory=deque)  # what was given from the last mark on
    _again: deque[tuple[int, str]] = field(default_factory=deque)  # what is to be given once more
    _rest: bytes = b""
    _long: str = ""  # the quotes that a long text ends with, while one is open

    def read(self, size: int) -> bytes:
        """Give what is left of a line, at most `size` bytes of it; nothing at the end."""
        if not self._rest:
            numbered = self._next()
            if numbered is None:
                return b""
            self.line, text = numbered
            header = self._header if self.line == self._first else ""
            self._rest = f"{header}{self._checked(text)}\n".encode()
        given, self._rest = self._rest[:size], self._rest[size:]
        return given

    def mark(self) -> None:
        """Forget the lines before the last one: what they hold was sound."""
        while len(self._seen) > 1:
            self._seen.popleft()

    def resume(self, error: SyntaxError | MemoryError, prefixes: Mapping[str, str], base: str | None) -> int:
        """Let a new parser begin behind the dot that ends the broken statement, or at the end of the file.

        Args:
            error: says where the parser stopped, by its own count; that a statement is too long says no place.
            prefixes, base: what was declared so far.

        Returns:
            The number of the line where it stopped.
        """
        broken, start = self._place(error)
        self._again = self._seen + self._again
        self._seen, self._rest, self._long = deque(), b"", ""
        while (numbered := self._next()) is not None:
            number, text = numbered
            dot = _dot(text, start if number == broken else 0) if number >= broken else None
            if dot is not None:
                self._again.appendleft((number, text[dot:]))
                self._first, self._header = number, _declared(prefixes, base)
                break
        self.refused = deque(line for line in self.refused if numbered is None or line <= numbered[0])
        self._seen.clear()
        return broken

    def _place(self, error: SyntaxError | MemoryError) -> tuple[int, int]:
        """Give the line, and the number of its characters before the mistake."""
        if not isinstance(error, SyntaxError) or error.lineno is None or error.offset is None:
            return (self._seen[0][0] if self._seen else self.line), 0
        before = error.offset - 1 - (len(self._header) if error.lineno == 1 else 0)
        return self._first + error.lineno - 1, max(before, 0)

    def _next(self) -> tuple[int, str] | None:
        if self._again:
            numbered = self._again.popleft()
        else:
            text = next(self.lines, None)
            if text is None:
                return None
            self._taken += 1
            numbered = self._taken, text
        self._seen.append(numbered)
        return numbered

    def _checked(self, text: str) -> str:
        """Give the line, or an empty one in place of a line with a short quote that it does not close."""
        place = 0
        while True:
            if self._long:
                end = _REST_OF_LONG[self._long].match(text, place)
                if end is None:
                    return text
                self._long, place = "", end.end()
            opened = _first_open(text, place)
            if opened is None:
                return text
            if len(opened.group()) == 1:
                self.refused.append(self.line)
                return ""
            self._long, place = opened.group(), opened.end()


def _first_open(text: str, place: int) -> re.Match[str] | None:
    """Find the first quote that opens something which does not end at once: a long one, or one that is alone."""
    if '"' not in text and "'" not in text:
        return None
    return next((token for token in _TOKENS.finditer(text, place) if token.group() in _OPENING), None)


def _dot(text: str, place: int) -> int | None:
    """Find where the first dot that ends a statement stops."""
    return next((token.end() for token in _TOKENS.finditer(text, place) if token.group() == "."), None)


def _declared(prefixes: Mapping[str, str], base: str | None) -> str:
    """Spell what was declared so that it stays on one line."""
    given = [f"@base {_spelled(base)} ."] if base else []
    return " ".join([*given, *(f"@prefix {name}: {_spelled(iri)} ." for name, iri in prefixes.items()), ""])


def _spelled(iri: str) -> str:
    return "<" + _FORBIDDEN.sub(lambda found: f"\\U{ord(found.group()):08X}", iri) + ">"
