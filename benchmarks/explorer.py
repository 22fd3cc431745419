"""What the explorer weighs, and how long it takes to the first list, beside the call that makes the list.

    python -m benchmarks.explorer --url http://127.0.0.1:8000 --user u004 --out benchmarks/results/explorer.json

Weight is what a browser fetches for the first list, as it lies on the disk and as it is sent. Time is from the start of
the navigation to the last card in the document, in a browser that keeps nothing from the visit before; the call is the
same `POST /recommendations`, sent from Python over a new connection, its answer in the cache as well. Needs chromium.
"""

import argparse
import json
import os
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

import httpx

from app.web.assets import read_site
from benchmarks.machine import describe_machine

LIST_LENGTH = 10
LIST = {"explain": "summary", "limit": LIST_LENGTH}
_WATCH = """new MutationObserver(() => {
  if (window.firstList === undefined && document.querySelectorAll(".card").length >= 10) {
    window.firstList = performance.now();
  }
}).observe(document, { childList: true, subtree: true });"""


def weights() -> dict[str, dict[str, int]]:
    """Give bytes and files: of the first list, of what the first picture adds, and of the API's own page."""
    site = read_site()
    parts = {
        "first_list": [name for name in site.files if "vendor/" not in name and name != "docs.js"]
        + ["vendor/preact-htm.js"],
        "first_picture": ["vendor/dagre.js"],
        "docs": ["docs.js", "vendor/swagger/swagger-ui-bundle.js", "vendor/swagger/swagger-ui.css"],
    }
    told = {}
    for part, names in parts.items():
        assets = [site.files[name] for name in names]
        if part != "first_picture":
            assets.append(site.pages["docs.html" if part == "docs" else "explorer.html"])
        raw, sent = sum(len(a.content) for a in assets), sum(len(a.zipped) for a in assets)
        told[part] = {"files": len(assets), "bytes": raw, "gzip_bytes": sent}
    return told


def first_lists(url: str, user: str, rounds: int) -> list[float]:
    """Give seconds to the last card, each in a context of its own."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    seconds = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(rounds):
            page = browser.new_context().new_page()
            page.add_init_script(_WATCH)
            page.goto(f"{url}/#/people/{user}")
            page.locator(".card").nth(LIST_LENGTH - 1).wait_for()
            # By the browser's own clock: when the cards were there, not when Python heard of it.
            seconds.append(page.evaluate("window.firstList") / 1000)
            page.context.close()
        browser.close()
    return seconds


def calls(url: str, user: str, rounds: int) -> list[float]:
    """Give seconds of the call behind the list."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        httpx.post(f"{url}/recommendations", json={"user_id": user, **LIST}).raise_for_status()
        seconds.append(time.perf_counter() - began)
    return seconds


def summary(seconds: list[float]) -> dict[str, Any]:
    """Give the median and the range, in milliseconds."""
    return {
        name: round(1000 * of(seconds), 1) for name, of in (("median", statistics.median), ("min", min), ("max", max))
    }


def main() -> None:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--user", default="u004")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    page, call = (measure(given.url, given.user, given.rounds) for measure in (first_lists, calls))
    result = {
        "machine": describe_machine(1, ("playwright", "fastapi", "uvicorn")),
        "load": round(os.getloadavg()[0], 1),
        "rounds": given.rounds,
        "weight": weights(),
        "first_list_ms": summary(page),
        "call_ms": summary(call),
        "first_list_over_call": round(statistics.median(page) / statistics.median(call), 1),
    }
    given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
