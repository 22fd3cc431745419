"""The whole way, once: sample data → data set → training → release → database → server → one explained answer.

The offline job runs as its own process (`python -m training …`): the service and the training code meet only at files.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import polars as pl
from rich.console import Console

RAW = Path("data/sample/raw")
HOME = Path("var/demo")
NAME, PRESET, HELD_OUT_RELATION = "sample", "sample", "director"
ONE_THREAD = ("--threads", "1")
"""The sample's batches are so small that two threads would mostly wait for each other."""
READY_SECONDS, USERS_TRIED = 60.0, 50


class DemoFailed(Exception):
    """A step of the demo failed; what it printed says why."""


def use_own_home() -> None:
    """Keep the demo away from the operator's own database and releases, unless the environment names some."""
    if not os.environ.get("KTUP_DATABASE_URL_FILE"):
        os.environ.setdefault("KTUP_DATABASE_URL", f"sqlite+aiosqlite:///{HOME / 'ktup.db'}")
    os.environ.setdefault("KTUP_RELEASES_DIR", str(HOME / "releases"))


def build_release(work: Path, releases: Path, console: Console) -> tuple[Path, str]:
    """Convert the sample, train on it and make a release; returns the data set directory and the release's id.

    Raises:
        DemoFailed: a step ended with an error.
    """
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    dataset, run, release_id = work / "datasets" / NAME, work / "runs" / f"{NAME}-{stamp}", f"{NAME}-ktup-{stamp}"
    console.print("[bold]1/4[/] Converting the sample data: 256 real films, 400 simulated people")
    _training("convert", RAW, dataset, "--format", "tables", "--name", NAME, "--overwrite", quiet=True)
    console.print("[bold]2/4[/] Training KTUP on both tasks at once")
    _training("train", "--preset", PRESET, "--data", dataset, "--out", run, "--no-report", *ONE_THREAD)
    console.print("[bold]    [/] and again on the validation rows, too, for as many epochs as those chose")
    chosen, refit = run / "checkpoint", run.with_name(f"{run.name}-refit")
    _training("refit", "--data", dataset, "--checkpoint", chosen, "--out", refit, "--no-report", *ONE_THREAD)
    console.print("[bold]3/4[/] Measuring it on the test split, indexing it, writing the release")
    made_of = ("--checkpoint", refit / "checkpoint", "--probabilities-of", chosen)
    _training("release", "--data", dataset, *made_of, "--releases", releases, "--id", release_id, *ONE_THREAD)
    shutil.rmtree(refit)
    shutil.rmtree(run)
    return dataset, release_id


def _training(command: str, *arguments: object, quiet: bool = False) -> None:
    output = subprocess.DEVNULL if quiet else None
    call = [sys.executable, "-m", "training", command, *map(str, arguments)]
    if subprocess.run(call, check=False, stdout=output).returncode:
        raise DemoFailed(f"`python -m training {command}` failed; the reason stands above")


def serve_and_show(dataset: Path, host: str, port: int, console: Console) -> int:
    """Start the server, print one recommendation with its reason and what to open, and wait until it ends.

    Raises:
        DemoFailed: the server ended or was not ready in time.
    """
    quiet = {"KTUP_LOG_LEVEL": "warning", **os.environ}
    server = subprocess.Popen([sys.executable, "-m", "app", "serve"], env=quiet)
    try:
        base = f"http://{host}:{port}"
        _wait_until_ready(server, base)
        _show(base, dataset, console)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def _wait_until_ready(server: "subprocess.Popen[bytes]", base: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise DemoFailed(f"the server ended with exit code {server.returncode}; is the port of {base} taken?")
        try:
            if httpx.get(f"{base}/health/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise DemoFailed(f"the server was not ready after {READY_SECONDS:.0f} s")


def _show(base: str, dataset: Path, console: Console) -> None:
    users = pl.read_parquet(dataset / "users.parquet")["user_id"]
    recommend, user, item = _first_grounded(base, users.head(USERS_TRIED).to_list())
    film, true = held_out_fact(dataset)
    complete = f"{base}/kg/complete?{urlencode({'head': film, 'relation': HELD_OUT_RELATION})}"
    candidates = [c["entity_id"] for c in httpx.get(complete).raise_for_status().json()["candidates"]]
    console.print(f"\n[bold]{user}[/] may like [bold]{item['title']}[/]. {item['explanation']['text']}")
    place = f"place {candidates.index(true) + 1}" if true in candidates else f"not among the first {len(candidates)}"
    console.print(f"Held out of training: {film}, {HELD_OUT_RELATION}, {true}. The model puts it at {place}.\n")
    for url in (recommend, complete):
        console.print(url, style="link " + url, soft_wrap=True, highlight=False)
    console.print("\nServing until Ctrl-C.")


def _first_grounded(base: str, users: list[str]) -> tuple[str, str, dict[str, Any]]:
    """Give (URL, user, item) of the first recommendation with a grounded reason, else of the very first one."""
    first: tuple[str, str, dict[str, Any]] | None = None
    for user in users:
        url = f"{base}/users/{quote(user, safe='')}/recommendations?explain=summary"
        for item in httpx.get(url).raise_for_status().json()["items"]:
            first = first or (url, user, item)
            if item["explanation"]["status"] == "grounded":
                return url, user, item
    if first is None:
        raise DemoFailed("nobody was recommended anything")
    return first


def held_out_fact(dataset: Path) -> tuple[str, str]:
    """Give the first test fact of the shown relation whose tail has such facts in training too: (head, tail)."""
    triples = pl.read_parquet(dataset / "triples.parquet").filter(pl.col("relation") == HELD_OUT_RELATION)
    known = triples.filter(pl.col("split") == "train")["tail"]
    head, tail = triples.filter((pl.col("split") == "test") & pl.col("tail").is_in(known.implode())).row(0)[0:3:2]
    return head, tail
