"""Asks a running service for a short training job, waits until its worker has done it, and looks at what came of it.

    python3 training_job.py URL

Only the standard library. Exit code 1 with what went wrong.
"""

import json
import sys
import time
import urllib.request
from typing import Any

DEADLINE_SECONDS, TIMEOUT_SECONDS = 900, 60
ORDER = {"settings": {"epochs": 1}, "activate": False, "max_drop": 1.0}
"""One epoch: the job is whole, its model is not meant to be good."""


def call(url: str, path: str, body: Any = None) -> Any:
    """GET a path, or POST a body to it; returns the JSON of the answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        return json.load(response)


def main() -> None:
    """Order, wait, and look."""
    url = sys.argv[1]
    job_id, began = call(url, "/training-jobs", ORDER)["job_id"], time.monotonic()
    while True:
        job = call(url, f"/training-jobs/{job_id}")
        if job["state"] not in ("queued", "running"):
            break
        if time.monotonic() - began > DEADLINE_SECONDS:
            sys.exit(f"FAILED: the job is still {job['state']}: {job['progress']}")
        time.sleep(1)
    releases = {release["release_id"] for release in call(url, "/releases")["releases"]}
    if job["state"] != "succeeded" or job["release_id"] not in releases or job["activated"]:
        sys.exit(f"FAILED: {job}; releases: {sorted(releases)}")
    seconds, verdict = time.monotonic() - began, job["gate"]
    sys.stdout.write(
        f"{job['release_id']} in {seconds:.0f} s; gate against {verdict['against']}: {verdict['passed']}\n"
    )


if __name__ == "__main__":
    main()
