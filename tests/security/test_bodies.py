"""Bodies that are made to hurt: deep, wide, endless numbers, compressed; each is refused in few words."""

import gzip
import json

import httpx
import pytest

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
BODIES = {
    "deep lists": b"[" * 1_000_000,
    "deep objects": b'{"a":' * 500_000,
    "a number of a million digits": b'[{"value": ' + b"9" * 1_000_000 + b"}]",
    "a number beyond all numbers": b'[{"event_id":"e","user_id":"u1","item_id":"i1","type":"rating","value":1e999}]',
    "not a number": b'[{"event_id":"e","user_id":"u1","item_id":"i1","type":"rating","value":NaN}]',
    "many thousand keys": json.dumps({str(n): n for n in range(200_000)}).encode(),
    "a million entries": b"[" + b"1," * 1_000_000 + b"1]",
    "a compressed megabyte": gzip.compress(b" " * 2**20),
    "half of a character": b'"\xed\xa0\x80"',
    "a NUL": b'[{"event_id":"\\u0000","user_id":"u","item_id":"i1","type":"view"}]',
    "a lone surrogate": b'[{"event_id":"\\ud800","user_id":"u","item_id":"i1","type":"view"}]',
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_made_to_hurt_is_refused_in_few_words(client: httpx.AsyncClient, name: str) -> None:
    for path in ("/events", "/recommendations", "/recommendations/batch", "/training-jobs"):
        headers = JSON | ({"Content-Encoding": "gzip"} if "compressed" in name else {})
        answer = await client.post(path, content=BODIES[name], headers=headers)
        assert answer.status_code in (413, 415, 422), (path, answer.text[:300])
        assert answer.json()["code"] in ("invalid_parameter", "body_too_large")
        # A problem tells the first of many mistakes, not all of them.
        assert len(answer.content) < 100_000
    assert (await client.get("/users/u1/recommendations")).status_code == 200
