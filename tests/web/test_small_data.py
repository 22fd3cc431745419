"""What the page says of data as small as the tutorial's: ids for names, no probabilities, a graph without gaps."""

import csv
import re
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.conftest import run, started
from tests.web.conftest import OpenTab

pytestmark = pytest.mark.timeout(900)  # it is trained first, on a machine that may have other work

FILMS = {
    ("hitchcock", "thriller"): ["psycho", "vertigo", "rear-window", "the-birds", "notorious"],
    ("scott", "science-fiction"): ["alien", "blade-runner", "the-martian", "prometheus"],
    ("cameron", "science-fiction"): ["aliens", "terminator", "the-abyss", "avatar"],
    ("spielberg", "adventure"): ["jaws", "et", "jurassic-park", "hook"],
}
RELATIONS = {"P57": "director", "P136": "genre"}
"""Ids that say nothing, as Wikidata's do, and their names."""


def write_tables(folder: Path) -> None:
    """Write tables: each film is its own entity, and three people met films of each two directors."""
    folder.mkdir()
    facts = [
        (film, *fact) for ends, films in FILMS.items() for film in films for fact in zip(RELATIONS, ends, strict=True)
    ]
    films = [film for each in FILMS.values() for film in each]
    met = [
        (f"{first[0][0]}-{second[0][0]}-{n}", film, 5)
        for (first, second), n in product(pairwise(FILMS.items()), range(3))
        for film in [*first[1][n : n + 3], *second[1][:2]]
    ]
    for name, header, rows in (
        ("interactions", ("user_id", "item_id", "rating"), met),
        ("triples", ("head", "relation", "tail"), facts),
        ("links", ("item_id", "entity_id"), [(film, film) for film in films]),
        ("relations", ("relation_id", "label"), RELATIONS.items()),
    ):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])


@pytest.fixture(scope="module")
def small(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a few films, trained for two epochs on fewer validation facts than a calibration needs."""
    home = tmp_path_factory.mktemp("small")
    write_tables(home / "tables")
    data, out, releases = home / "dataset", home / "run", home / "releases"
    run("training", "convert", "--format", "tables", home / "tables", data, "--name", "small")
    settings = ["--set", "epochs=2", "--threads", 1, "--no-report"]
    run("training", "train", "--preset", "sample", "--data", data, "--out", out, *settings)
    run("training", "release", "--data", data, "--checkpoint", out / "checkpoint", "--releases", releases, "--id", "s")
    values = {"KTUP_DATABASE_URL": f"sqlite+aiosqlite:///{home / 'ktup.db'}", "KTUP_RELEASES_DIR": str(releases)}
    values["KTUP_LOG_LEVEL"] = "warning"
    run("app", "migrate", **values)
    run("app", "import", data, **values)
    run("app", "activate", "s", **values)
    with started(values) as (client, _):
        yield str(client.base_url).rstrip("/")


def test_without_a_probability_there_is_neither_a_bar_nor_a_word_of_calibration(small: str, open_tab: OpenTab) -> None:
    tab = open_tab(small)
    tab.open("graph/spielberg")
    rows = tab.page.locator(".candidates li")
    rows.first.wait_for()
    found = httpx.get(f"{small}/kg/complete", params={"tail": "spielberg", "relation": "P57"}).json()["candidates"]
    assert {each["probability"] for each in found} == {None}
    assert rows.count() == len(found) > 3
    assert tab.page.locator(".candidates .bar, .candidates .share-number").count() == 0
    told = tab.page.get_by_role("region", name="Missing facts").inner_text()
    assert "Ranked by score. There are no probabilities: the release had fewer than 20 validation facts" in told
    assert "calibrated" not in told
    assert "no probability" not in told
    tab.shot("no-probabilities")


def test_facts_are_read_from_head_to_tail_on_both_sides(small: str, open_tab: OpenTab) -> None:
    tab = open_tab(small)
    tab.open("graph/spielberg")
    into = tab.page.get_by_role("region", name="Facts with it as tail").get_by_role("listitem")
    into.first.wait_for()
    assert sorted(into.all_inner_texts()) == [f"{film} director" for film in sorted(FILMS["spielberg", "adventure"])]
    tab.open("graph/jaws")
    out = tab.page.get_by_role("region", name="Facts with it as head").get_by_role("listitem")
    out.first.wait_for()
    assert sorted(out.all_inner_texts()) == ["director spielberg", "genre adventure"]


@pytest.mark.parametrize("view", ["graph", "graph/spielberg"])
def test_where_nothing_is_missing_predicting_says_so(small: str, open_tab: OpenTab, view: str) -> None:
    tab = open_tab(small)
    tab.open(view)
    tab.page.get_by_role("button", name="Predict missing facts").click()
    told = "Nothing to review: no relation that at least half of the items have is missing anywhere."
    tab.page.get_by_role("status").get_by_text(told).wait_for()
    assert "for this question" not in tab.page.locator("main").inner_text()
    if view == "graph":
        assert "Nothing waits for a decision" in tab.page.locator(".empty").inner_text()


def test_why_not_calls_the_relation_to_steer_by_its_name_and_says_how_far_the_score_is(
    small: str, open_tab: OpenTab
) -> None:
    def far() -> tuple[str, str, float]:
        """Somebody, an item that steering brings in, and its distance from place 10."""
        for user in [each["user_id"] for each in httpx.get(f"{small}/users").json()["users"]]:
            for item in [film for films in FILMS.values() for film in films]:
                answer = httpx.get(f"{small}/users/{user}/why-not/{item}").json()
                if answer.get("change") and answer["change"]["kind"] == "steer":
                    return user, item, answer["gap"]
        pytest.fail("nobody can be steered to an item")

    user, item, gap = far()
    tab = open_tab(small)
    tab.open(f"people/{user}")
    tab.page.get_by_role("combobox", name="Why is this not").fill(item)
    tab.page.get_by_role("option", name=item).first.click()
    told = tab.page.locator(".whynot")
    told.get_by_text(re.compile(r"It would be in the list with (director|genre) at ×\s\d")).wait_for()
    text = told.inner_text()
    assert f"its score is {gap:.3f} below that of place 10" in text
    assert "P57" not in text
    assert "P136" not in text


def test_titles_and_values_of_a_history_are_told_apart(small: str, open_tab: OpenTab) -> None:
    tab = open_tab(small)
    tab.open("people/hitchcock-scott-0")
    tab.page.locator("summary", has_text="History").click()
    tab.page.locator(".history li").first.wait_for()
    met = httpx.get(f"{small}/users/hitchcock-scott-0/history").json()["items"]
    assert tab.page.locator(".history li").all_inner_texts() == [f"{each['item_id']} value 5" for each in met]


def test_what_was_predicted_is_counted_in_words(small: str, open_tab: OpenTab) -> None:
    """The last test of this file, as it takes a fact away."""
    fact = {"head": "jaws", "relation": "P136", "tail": "adventure"}
    assert httpx.delete(f"{small}/kg/facts", params=fact).is_success
    tab = open_tab(small)
    tab.open("graph")
    tab.page.get_by_role("button", name="Predict missing facts").click()
    tab.page.locator(".review li").first.wait_for()
    waiting = httpx.get(f"{small}/kg/candidates").json()["candidates"]
    words = f"{len(waiting)} {'fact' if len(waiting) == 1 else 'facts'} predicted for 1 gap."
    assert tab.page.get_by_role("status").get_by_text("predicted for").inner_text() == words
    assert "probability" not in tab.page.locator(".review").inner_text()
