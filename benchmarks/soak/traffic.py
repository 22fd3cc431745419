"""What people ask of a service of films, and what came of it."""

import itertools
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.load import get, post

MIX = (("read", 0.70), ("explained", 0.10), ("complete", 0.15), ("events", 0.05))
"""Kinds of requests, and their shares."""


@dataclass
class Ask:
    """One request: what kind it is, and its bytes; `question` names those whose answer a release settles for ever."""

    kind: str
    request: bytes
    question: str | None = None


@dataclass
class Seen:
    """What came of a load."""

    at: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    errors: list[str] = field(default_factory=list)
    answers: dict[tuple[str, str], bytes] = field(default_factory=dict)
    by_release: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    mixed: int = 0
    events_sent: int = 0
    events_accepted: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)
    swaps: list[tuple[float, str, float]] = field(default_factory=list)

    def note(self, ask: Ask, body: bytes, at: float, seconds: float) -> None:
        """Keep the figures of an answer, and hold it against the first one of its release to the same question."""
        self.at.append(at)
        self.milliseconds.append(1_000 * seconds)
        self.kinds[ask.kind] += 1
        answer = json.loads(body)
        if ask.kind == "events":
            self.events_sent += 1
            self.events_accepted += answer["accepted"]
        elif ask.question is not None:
            self.by_release[answer["release"]] += 1
            told = json.dumps(_of_the_release(answer)).encode()
            self.mixed += self.answers.setdefault((answer["release"], ask.question), told) != told


def _of_the_release(answer: dict[str, Any]) -> list[Any]:
    """What of an answer the release alone decides: ids and scores in their order."""
    told = answer["items"] if "items" in answer else answer["candidates"]
    return [(one.get("item_id") or one.get("entity_id"), one["score"]) for one in told]


class Requests:
    """Draws requests. Readers and those who tell events are different people: nothing changes for a reader."""

    def __init__(self, users: list[str], items: list[str], facts: list[tuple[str, str]], chance: random.Random) -> None:
        self._readers, self._tellers = users[::2], users[1::2]
        self._items, self._facts, self._chance = items, facts, chance
        self._numbers = itertools.count()

    def __iter__(self) -> Iterator[Ask]:
        """Go on for ever."""
        kinds, weights = [kind for kind, _ in MIX], [share for _, share in MIX]
        while True:
            yield getattr(self, f"_{self._chance.choices(kinds, weights)[0]}")()

    def _read(self) -> Ask:
        path = f"/users/{self._chance.choice(self._readers)}/recommendations?limit={self._chance.choice((5, 10, 20))}"
        return Ask("read", get(path), path)

    def _explained(self) -> Ask:
        path = f"/users/{self._chance.choice(self._readers)}/recommendations?limit=5&explain=summary"
        return Ask("explained", get(path), path)

    def _complete(self) -> Ask:
        head, relation = self._chance.choice(self._facts)
        path = f"/kg/complete?head={head}&relation={relation}"
        return Ask("complete", get(path), path)

    def _events(self) -> Ask:
        user, item = self._chance.choice(self._tellers), self._chance.choice(self._items)
        event = {"event_id": f"soak-{next(self._numbers)}", "user_id": user, "item_id": item, "type": "view"}
        return Ask("events", post("/events", json.dumps([event]).encode()))
