"""What goes over the wire, what is sent again, and what is raised."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

import anyio
import httpx
import pytest

from app.client import AsyncClient, Client, Event, NewFact, Retries, Unreachable, UnreadableAnswer
from app.client.errors import ApiError, BadRequest, Conflict, NotFound, RateLimited, ServerError, Unavailable
from tests.app import world

PROBLEM = {"content-type": "application/problem+json"}
ITEM = {"item_id": "i", "title": None, "entity_id": None}


class Server:
    """Answers in turn, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def problem(status: int, code: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    body = {"status": status, "code": code, "detail": "Because.", "request_id": "q1"} | more
    return httpx.Response(status, json=body, headers=PROBLEM | (headers or {}))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits, which are not waited for."""
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("app.client.http.time.sleep", waited.append)
    monkeypatch.setattr("app.client.http.anyio.sleep", note)
    return waited


def sync(server: Server, call: Callable[[Client], Any], **options: Any) -> Any:
    with Client("http://test/base", "ktup_k", transport=httpx.MockTransport(server), **options) as client:
        return call(client)


def test_the_key_and_the_folder_of_the_address_go_with_every_call() -> None:
    server = Server(httpx.Response(200, json=ITEM))
    assert sync(server, lambda client: client.item("i")).item_id == "i"
    assert server.asked[0].headers["authorization"] == "Bearer ktup_k"
    assert server.asked[0].url.raw_path == b"/base/items/i"


@pytest.mark.parametrize("item_id", [*world.AWKWARD_IDS, "popular", "a?b=c&d", "ü/é", "\u202e", "a\nb", "+"])
def test_an_id_is_one_segment_of_the_path_whatever_it_holds(item_id: str) -> None:
    server = Server(httpx.Response(200, json=ITEM))
    sync(server, lambda client: client.item(item_id))
    raw = server.asked[0].url.raw_path.removeprefix(b"/base")
    assert raw.count(b"/") == 2
    assert b"/items/popular" not in raw
    assert unquote(raw.removeprefix(b"/items/").decode()) == item_id


@pytest.mark.parametrize("item_id", ["", "\ud800"])
def test_an_id_that_no_path_can_hold_is_refused_before_anything_is_sent(item_id: str) -> None:
    server = Server()
    with pytest.raises(ValueError, match="item_id"):
        sync(server, lambda client: client.item(item_id))
    assert server.asked == []


def test_parameters_longer_than_any_address_are_refused_before_anything_is_sent() -> None:
    server = Server()
    with pytest.raises(ValueError, match="too long"):
        sync(server, lambda client: client.recommendations("u", exclude=["x" * 800] * 100))
    assert server.asked == []


def test_what_was_not_given_is_not_sent_and_lists_are_repeated() -> None:
    body = {"recommendation_id": "r", "user_id": "u", "release": "r", "strategy": "new", "degraded": [], "items": []}
    server = Server(httpx.Response(200, json=body | {"next_cursor": None, "added_later": 1}))
    page = sync(server, lambda client: client.recommendations("u", limit=0, exclude=["a b", "c&d"], exclude_seen=False))
    assert server.asked[0].url.params.multi_items() == [
        ("limit", "0"), ("exclude_seen", "false"), ("exclude", "a b"), ("exclude", "c&d"),
    ]  # fmt: skip
    # What the service may add breaks nothing.
    assert page.strategy == "new"


def test_an_event_keeps_its_id_when_it_is_sent_again(waits: list[float]) -> None:
    done = httpx.Response(200, json={"accepted": 1, "duplicates": 0, "rejected": []})
    server = Server(httpx.ReadTimeout("slow"), done)
    events = [Event("u", "i", "view"), Event("u", "i", "view")]
    assert sync(server, lambda client: client.record_events(events)).accepted == 1
    assert len(waits) == 1
    assert server.asked[0].content == server.asked[1].content
    assert len({event.event_id for event in events}) == 2


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_call_waits_as_long_as_it_is_asked_to_and_else_twice_as_long_each_time(
    waits: list[float], asynchronous: bool
) -> None:
    server = Server(
        problem(429, "rate_limited", {"Retry-After": "7"}),
        httpx.ConnectError("refused"),
        problem(503, "overloaded"),
        httpx.Response(200, json=ITEM),
    )
    if asynchronous:

        async def call() -> Any:
            async with AsyncClient("http://test", transport=httpx.MockTransport(server)) as client:
                return await client.item("i")

        found = anyio.run(call)
    else:
        found = sync(server, lambda client: client.item("i"))
    assert found.item_id == "i"
    assert waits[0] == 7
    assert 0.2 <= waits[1] <= 0.4
    assert 0.4 <= waits[2] <= 0.8


def test_a_date_is_a_time_to_wait_too(waits: list[float]) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    server = Server(problem(503, "x", {"Retry-After": later}), httpx.Response(200, json=ITEM))
    sync(server, lambda client: client.item("i"))
    assert 17 < waits[0] <= 20


def test_the_last_error_is_raised_when_the_tries_are_used_up(waits: list[float]) -> None:
    server = Server(*(problem(503, "overloaded") for _ in range(3)))
    with pytest.raises(Unavailable):
        sync(server, lambda client: client.item("i"), retries=Retries(most=2))
    assert len(server.asked) == 3


def test_a_wait_longer_than_allowed_is_raised_at_once(waits: list[float]) -> None:
    server = Server(problem(429, "rate_limited", {"Retry-After": "3600"}))
    with pytest.raises(RateLimited) as raised:
        sync(server, lambda client: client.item("i"))
    assert (raised.value.retry_after, waits) == (3600, [])


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.roll_back(),
        lambda client: client.start_job(),
        lambda client: client.start_experiment("b", 0.5),
    ],
)
def test_what_would_do_something_else_the_second_time_is_sent_once(
    waits: list[float], call: Callable[[Client], Any]
) -> None:
    for trouble, error in ((httpx.ReadTimeout("slow"), Unreachable), (problem(503, "x"), Unavailable)):
        server = Server(trouble)
        with pytest.raises(error):
            sync(server, call)
        assert len(server.asked) == 1


def test_what_the_server_refuses_for_good_is_sent_once(waits: list[float]) -> None:
    for status, kind in ((404, NotFound), (409, Conflict), (500, ServerError)):
        server = Server(problem(status, "some_code"))
        with pytest.raises(kind) as raised:
            sync(server, lambda client: client.item("i"))
        assert (raised.value.code, raised.value.request_id, len(server.asked)) == ("some_code", "q1", 1)


def test_an_error_names_the_field_the_code_and_the_request() -> None:
    fields = [{"field": "limit", "message": "Input should be at least 1"}]
    server = Server(problem(422, "invalid_parameter", errors=fields))
    with pytest.raises(BadRequest) as raised:
        sync(server, lambda client: client.items(limit=0))
    assert (raised.value.field, raised.value.code) == ("limit", "invalid_parameter")
    assert str(raised.value) == ("422 invalid_parameter: Because. limit: Input should be at least 1 (request q1)")


def test_a_proxys_page_is_an_error_with_a_code_too() -> None:
    server = Server(httpx.Response(502, html="<h1>Bad gateway</h1>", headers={"X-Request-ID": "p7"}))
    with pytest.raises(ApiError) as raised:
        sync(server, lambda client: client.item("i"))
    assert (raised.value.status, raised.value.code, raised.value.request_id) == (502, "http_502", "p7")


def test_a_success_of_something_else_is_told_as_such() -> None:
    for body in ("<html>", '{"items": 3}'):
        with pytest.raises(UnreadableAnswer, match="http://test/base/items"):
            sync(Server(httpx.Response(200, text=body)), lambda client: client.items())


def test_pages_are_followed_to_the_end_and_only_as_far_as_they_are_needed() -> None:
    def page(ids: str, cursor: str | None) -> httpx.Response:
        return httpx.Response(200, json={"items": [ITEM | {"item_id": i} for i in ids], "next_cursor": cursor})

    server = Server(page("ab", "1"), page("", "2"), page("c", None))
    assert [i.item_id for i in sync(server, lambda client: list(client.every_item(limit=2)))] == ["a", "b", "c"]
    assert [dict(request.url.params) for request in server.asked] == [
        {"limit": "2"}, {"limit": "2", "cursor": "1"}, {"limit": "2", "cursor": "2"},
    ]  # fmt: skip
    server = Server(page("ab", "1"))
    assert sync(server, lambda client: next(client.every_item())).item_id == "a"


def test_a_cursor_of_a_call_by_body_goes_into_the_body() -> None:
    body: dict[str, Any] = {
        "recommendation_id": "r",
        "user_id": None,
        "release": "r",
        "strategy": "s",
        "degraded": [],
        "items": [],
    }
    server = Server(*(httpx.Response(200, json=body | {"next_cursor": cursor}) for cursor in ("1", None)))
    sync(server, lambda client: list(client.every_recommended(items=["i"])))
    assert [request.read() for request in server.asked] == [b'{"items":["i"]}', b'{"items":["i"],"cursor":"1"}']


def test_a_text_that_breaks_off_raises_and_is_not_taken_for_whole() -> None:
    class BreaksOff(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            yield b"one\ntw"
            raise httpx.RemoteProtocolError("incomplete")

    server = Server(httpx.Response(200, stream=BreaksOff()))
    seen: list[str] = []

    def read(client: Client) -> None:
        for line in client.export_predictions(least_score=-1):
            seen.append(line)

    with pytest.raises(Unreachable, match="incomplete"):
        sync(server, read)
    assert seen == ["one"]


def test_facts_are_sent_by_their_parts() -> None:
    server = Server(httpx.Response(200, json={"added": 1, "duplicates": [], "rejected": []}))
    sync(server, lambda client: client.add_facts([NewFact("h", "r", "t")], create_entities=True))
    assert server.asked[0].content == b'[{"head":"h","relation":"r","tail":"t"}]'
    assert dict(server.asked[0].url.params) == {"create_entities": "true"}
