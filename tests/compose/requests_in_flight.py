"""Requests that are under way while something happens to the containers, from outside.

    python3 requests_in_flight.py slow URL SECONDS COMMAND…    a body that takes SECONDS to send, COMMAND meanwhile
    python3 requests_in_flight.py steady URL PATH COMMAND…     one request after another while COMMAND runs

`slow` wants a 200 for its request. `steady` wants only 200 and 503, and a 200 once COMMAND has ended.
Only the standard library. Exit code 1 with what came instead.
"""

import http.client
import json
import subprocess
import sys
import time
from collections import Counter
from urllib.parse import urlsplit

TIMEOUT_SECONDS, PATIENCE_SECONDS = 60, 240


def connect(url: str) -> http.client.HTTPConnection:
    """Open a connection to the server of a URL."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)


def slow(url: str, seconds: float, command: list[str]) -> str:
    """Send half of a body, start the command, and send the rest later; returns what to print."""
    body = json.dumps({"user_ids": ["u001"], "limit": 1}).encode()
    connection = connect(url)
    connection.putrequest("POST", "/recommendations/batch")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:5])
    # The server has read the head by then, and waits for the rest.
    time.sleep(0.5)
    meanwhile = subprocess.Popen(command)
    time.sleep(seconds)
    connection.send(body[5:])
    response = connection.getresponse()
    answer = json.loads(response.read())
    if meanwhile.wait() or response.status != 200:
        sys.exit(f"FAILED: {response.status} {answer}; the command ended with {meanwhile.returncode}")
    return f"the request that took {seconds:.0f} s got its 200"


def status_of(url: str, path: str) -> str:
    """Ask once; the status, or the kind of error."""
    connection = connect(url)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
    return str(response.status)


def steady(url: str, path: str, command: list[str]) -> str:
    """Ask until the command has ended and the answer is 200 again; returns what to print."""
    began, seen = time.monotonic(), Counter[str]()
    meanwhile = subprocess.Popen(command)
    while True:
        ended = meanwhile.poll() is not None
        status = status_of(url, path)
        seen[status] += 1
        if ended and status == "200":
            break
        if time.monotonic() - began > PATIENCE_SECONDS + TIMEOUT_SECONDS:
            sys.exit(f"FAILED: no 200 again: {dict(seen)}")
        time.sleep(0.05)
    if meanwhile.returncode or not set(seen) <= {"200", "503"}:
        sys.exit(f"FAILED: {dict(seen)}; the command ended with {meanwhile.returncode}")
    return f"{path}: {dict(seen)} in {time.monotonic() - began:.1f} s"


if __name__ == "__main__":
    kind, server, value, *rest = sys.argv[1:]
    sys.stdout.write((slow(server, float(value), rest) if kind == "slow" else steady(server, value, rest)) + "\n")
