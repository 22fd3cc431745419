"""PostgreSQL crashes and comes back under load: nobody gets a 500, nothing acknowledged is lost, nobody restarts us."""

import threading
import time
from collections import Counter

from app.db.schema import migrate
from tests.conftest import fetch
from tests.faults import films
from tests.faults.conftest import OwnPostgres, Place, Serve, store
from tests.faults.processes import Gone, Server, command, running, until


class Visitor(threading.Thread):
    """Reads a list and tells an event, again and again; keeps what came of it."""

    def __init__(self, server: Server, number: int, stop: threading.Event) -> None:
        super().__init__()
        self._server, self._number, self._stop_at = server, number, stop
        self.statuses = Counter[tuple[str, int]]()
        self.acknowledged: set[str] = set()
        self.degraded = 0
        self.slowest = 0.0

    def run(self) -> None:
        n = 0
        while not self._stop_at.is_set():
            event = {"event_id": f"{self._number}:{n}", "user_id": films.PEOPLE[n % 40], "item_id": "i7"}
            if self._ask("POST", "/events", [{**event, "type": "click"}]) == 200:
                self.acknowledged.add(event["event_id"])
            self._ask("GET", f"/users/{films.PEOPLE[n % 40]}/recommendations?exclude=x{self._number}.{n}")
            n += 1

    def _ask(self, method: str, path: str, body: object = None) -> int:
        began = time.monotonic()
        try:
            status, answer = self._server.ask(method, path, body)
        except Gone:
            status, answer = 0, {}
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.statuses[method, status] += 1
        self.degraded += "history" in answer.get("degraded", ())
        return status


def go_on_for(visitors: list[Visitor], events: int) -> None:
    """Wait until so many more events are acknowledged."""
    before = sum(len(visitor.acknowledged) for visitor in visitors)
    until(lambda: sum(len(visitor.acknowledged) for visitor in visitors) >= before + events)


def test_postgres_crashing_under_load_is_survived_without_a_500_and_without_a_loss(
    on_sqlite: Place, own_postgres: OwnPostgres, serve: Serve
) -> None:
    migrate(own_postgres.url)
    store(own_postgres.url)
    place = Place(own_postgres.url, on_sqlite.releases, on_sqlite.folder)
    server, stop = serve(place, database_timeout_seconds=2), threading.Event()
    visitors = [Visitor(server, number, stop) for number in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        for _ in range(2):
            go_on_for(visitors, 30)
            own_postgres.stop()
            until(lambda: server.status("/health/ready") == 503)
            time.sleep(0.5)
            assert server.status("/health/live") == 200
            own_postgres.start()
            back = until(lambda: server.status("/health/ready") == 200)
        go_on_for(visitors, 30)
    finally:
        stop.set()
        for visitor in visitors:
            visitor.join(60)
    statuses = sum((visitor.statuses for visitor in visitors), Counter[tuple[str, int]]())
    assert {status for _, status in statuses} == {200, 503}, statuses
    # Whom the release knows, it answers from memory.
    assert statuses["GET", 503] == 0, statuses
    assert sum(visitor.degraded for visitor in visitors) > 0
    stored = Counter(row[0] for row in fetch(own_postgres.url, "SELECT event_id FROM events"))
    assert set().union(*(visitor.acknowledged for visitor in visitors)) <= set(stored)
    assert set(stored.values()) == {1}
    print(f"{dict(statuses)}, slowest {max(v.slowest for v in visitors):.1f} s, ready {back:.2f} s after")  # noqa: T201


def test_c124_migration_server_and_worker_wait_for_a_database_that_starts_after_them(
    on_sqlite: Place, own_postgres: OwnPostgres, serve: Serve
) -> None:
    place = Place(own_postgres.url, on_sqlite.releases, on_sqlite.folder)
    own_postgres.stop()
    server = serve(place, active=None)
    assert server.get("/health/ready")[1]["missing"]["database"] == "cannot be reached"
    with (
        running("app", "migrate", env=place.env(), log=place.folder / "migrate.log") as migration,
        running("app", "worker", env=place.env(), log=place.folder / "worker.log") as worker,
    ):
        until(lambda: "waiting" in (place.folder / "migrate.log").read_text())
        until(lambda: "waiting" in (place.folder / "worker.log").read_text())
        own_postgres.start()
        assert migration.wait(60) == 0, (place.folder / "migrate.log").read_text()
        store(own_postgres.url)
        server.activate("a")
        until(lambda: server.status("/users/u1/recommendations") == 200)
        assert worker.poll() is None, (place.folder / "worker.log").read_text()


def test_c124_a_database_that_never_comes_is_told_after_the_set_time_in_one_line(on_sqlite: Place) -> None:
    place = Place("postgresql+asyncpg://nobody:hunter2@127.0.0.1:1/none", on_sqlite.releases, on_sqlite.folder)
    began = time.monotonic()
    ended = command("app", "migrate", env=place.env(start_wait_seconds=1))
    assert 1 <= time.monotonic() - began < 30
    assert ended.returncode == 2
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert "Traceback" not in ended.stderr
    assert "hunter2" not in ended.stderr
