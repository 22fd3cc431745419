"""kill -9 in the middle of events: what was acknowledged is stored, once each, however often it is sent again."""

import random
import sqlite3
import threading
import time
from collections import Counter
from typing import Any

import pytest

from tests.conftest import fetch
from tests.faults import films
from tests.faults.conftest import Place, Serve
from tests.faults.processes import Gone, Server, free_port, until

WRITERS, KILLS = 4, 3


class Sender(threading.Thread):
    """Sends events in small lots; whatever has no answer is sent again, as a client does."""

    def __init__(self, number: int, at: list[Server], stop: threading.Event) -> None:
        super().__init__()
        self.number, self._at, self._stop_at = number, at, stop
        self.acknowledged: set[str] = set()
        self.told = Counter[str]()
        self.unsure = 0

    def run(self) -> None:
        lot = 0
        while not self._stop_at.is_set():
            self._send([self._event(lot, n) for n in range(5)])
            lot += 1

    def _event(self, lot: int, n: int) -> dict[str, Any]:
        person, film = f"s{self.number}-{lot % 20}", films.FILMS[(7 * lot + n) % len(films.FILMS)]
        return {"event_id": f"{self.number}:{lot}:{n}", "user_id": person, "item_id": film, "type": "view", "ts": lot}

    def _send(self, events: list[dict[str, Any]]) -> None:
        while True:
            try:
                status, body = self._at[-1].ask("POST", "/events", events, timeout=10)
            except Gone:
                self.unsure += 1
                if self._stop_at.is_set():
                    return
                time.sleep(0.02)
                continue
            if status == 503:
                time.sleep(0.05)
                continue
            assert status == 200, body
            assert body["accepted"] + body["duplicates"] == len(events), body
            self.told.update({name: body[name] for name in ("accepted", "duplicates")})
            self.acknowledged |= {event["event_id"] for event in events}
            return


@pytest.mark.parametrize(("kind", "workers"), [("sqlite", 1), ("postgres", 2)])
def test_every_acknowledged_event_is_stored_once_though_the_api_is_killed_again_and_again(
    request: pytest.FixtureRequest, serve: Serve, kind: str, workers: int
) -> None:
    place: Place = request.getfixturevalue(f"on_{kind}")
    port, chance = free_port(), random.Random(workers)
    at, stop = [serve(place, active=None, port=port, workers=workers)], threading.Event()
    senders = [Sender(number, at, stop) for number in range(WRITERS)]
    for sender in senders:
        sender.start()
    try:
        for _ in range(KILLS):
            go_on_for(senders, 50)
            time.sleep(chance.random() / 10)
            at[-1].kill()
            at.append(serve(place, active=None, port=port, workers=workers))
        go_on_for(senders, 50)
    finally:
        stop.set()
        for sender in senders:
            sender.join(60)
    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    stored = [row[0] for row in rows(place, "SELECT event_id FROM events")]
    assert len(stored) == len(set(stored))
    assert acknowledged <= set(stored)
    assert len(acknowledged) >= 50 * (KILLS + 1)
    # An event without an answer may be stored, or not: there is one lot for each sender at most at the end.
    assert len(stored) - len(acknowledged) <= 5 * WRITERS
    met = {(user, item) for user, item in rows(place, "SELECT user_id, item_id FROM interactions")}
    events = {(user, item) for user, item in rows(place, "SELECT DISTINCT user_id, item_id FROM events")}
    assert events <= met
    unsure = sum(sender.unsure for sender in senders)
    print(f"kills {KILLS}, acknowledged {len(acknowledged)}, stored {len(stored)}, without an answer {unsure}")  # noqa: T201


def go_on_for(senders: list[Sender], events: int) -> None:
    """Wait until so many more events are acknowledged."""
    before = sum(len(sender.acknowledged) for sender in senders)
    until(lambda: sum(len(sender.acknowledged) for sender in senders) >= before + events)


def rows(place: Place, query: str) -> list[tuple[Any, ...]]:
    """Read the database without our own code."""
    if place.database_url.startswith("sqlite"):
        with sqlite3.connect(place.database_url.partition(":///")[2]) as connection:
            return connection.execute(query).fetchall()
    return fetch(place.database_url, query)
