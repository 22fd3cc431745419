"""A fact that is accepted in the browser is evidence in the browser, before the next training and after it."""

from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from tests.end_to_end.conftest import Built, Serve, run
from tests.web.conftest import OpenTab, Tab, sample_environment
from training.data.dataset import Dataset

Fact = tuple[str, str, str]


def cited(client: httpx.Client, fact: Fact) -> tuple[str, str] | None:
    """Give (user, title) of a list whose reason in full cites a fact as accepted; None if no list does."""
    for number in range(1, 401):
        asked: dict[str, str | int] = {"explain": "summary", "limit": 10}
        for item in client.get(f"/users/u{number:03}/recommendations", params=asked).json()["items"]:
            if _cites(item["explanation"], fact):
                pair = client.get(f"/users/u{number:03}/recommendations/{item['item_id']}/explanation").json()
                if _cites(pair["explanation"], fact):
                    return f"u{number:03}", item["title"]
    return None


def _cites(explanation: dict[str, Any], fact: Fact) -> bool:
    evidence = explanation["evidence"]
    return any(list(fact) in each["facts"] and each["origin"] == "accepted" for each in evidence)


def told_as_accepted(tab: Tab, user: str, title: str, fact: Fact) -> bool:
    """Whether the reason that somebody reads says of this fact, and of no other, that a person accepted it."""
    tab.open(f"people/{user}")
    tab.page.get_by_role("button", name=f"Show the reason for {title}", exact=True).click()
    tab.page.get_by_role("dialog").get_by_role("img").wait_for()
    lines = tab.page.locator("dialog .facts li", has_text="accepted by a person")
    links = [[a.get_attribute("href") for a in line.get_by_role("link").all()] for line in lines.all()]
    tab.page.keyboard.press("Escape")
    return links == [[f"#/graph/{fact[0]}", f"#/graph/{fact[2]}"]]


def accept(tab: Tab, client: httpx.Client, fact: Fact) -> None:
    """Accept a fact where its entity is shown."""
    tab.open(f"graph/{fact[0]}")
    tab.page.get_by_label("Ask the model for").select_option(f"tail {fact[1]}")
    line = tab.page.locator(".candidates li", has=tab.page.locator(f'a[href="#/graph/{fact[2]}"]'))
    button = line.get_by_role("button", name="Accept:")
    button.click()
    button.wait_for(state="detached")
    (stored,) = client.get("/kg/facts", params=dict(zip(("head", "relation", "tail"), fact, strict=True))).json()[
        "facts"
    ]
    assert stored["origin"] == "accepted"


@pytest.mark.slow
@pytest.mark.timeout(1800)  # three trainings, on a machine that may have other work
def test_a_fact_accepted_in_the_browser_is_told_as_evidence_at_once_and_after_retraining(
    built: Built, serve: Serve, open_tab: OpenTab, tmp_path: Path
) -> None:
    values = sample_environment(built, tmp_path)
    triples = pl.read_parquet(built.dataset / "triples.parquet")
    held_out = set(triples.filter(pl.col("split") == "test").select("head", "relation", "tail").iter_rows())
    run("app", "candidates", "--gaps", 200, "--per-gap", 3, **values)
    with serve(values) as (client, _):
        open_ones = client.get("/kg/candidates", params={"limit": 1000}).json()["candidates"]
        # True ones that people's lists are likely to cite: the films that most people met.
        true = [f for c in open_ones if (f := (c["head"], c["relation"], c["tail"])) in held_out]
        tab = open_tab(str(client.base_url).rstrip("/"))
        tab.page.add_init_script("sessionStorage.setItem('ktup-reviewer', 'Ada')")
        told: dict[Fact, tuple[str, str]] = {}
        for fact in true[:12]:
            accept(tab, client, fact)
            found = cited(client, fact)
            if found is not None:
                told[fact] = found
            if told:
                break
        assert told, "no list cites any of the facts that were accepted"
        assert all(told_as_accepted(tab, *where, fact) for fact, where in told.items())
    dataset, out, releases = tmp_path / "dataset", tmp_path / "run", Path(values["KTUP_RELEASES_DIR"])
    run("app", "export-dataset", "--out", dataset, **values)
    train = Dataset.load(dataset).triples.filter(pl.col("split") == "train").select("head", "relation", "tail").rows()
    assert set(told) <= set(train)
    settings = ["--set", "epochs=8", "--threads", 1]
    run("training", "train", "--preset", "sample", "--data", dataset, "--out", out, *settings)
    run(
        "training",
        "release",
        "--data",
        dataset,
        "--checkpoint",
        out / "checkpoint",
        "--releases",
        releases,
        "--id",
        "again",
    )
    run("app", "activate", "again", **values)
    with serve(values) as (client, _):
        after = {fact: found for fact in told if (found := cited(client, fact)) is not None}
        assert after, "no list of the next release cites any of them"
        tab = open_tab(str(client.base_url).rstrip("/"))
        assert all(told_as_accepted(tab, *where, fact) for fact, where in after.items())
        tab.shot("accepted-fact-as-evidence")
