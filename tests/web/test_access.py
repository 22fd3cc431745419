"""What the page says where a key is asked for, where nothing can be answered, and where there is nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.conftest import Built, run, started
from tests.web.conftest import OpenTab, sample_environment

pytestmark = pytest.mark.timeout(900)  # the sample is trained first, on a machine that may have other work


@dataclass(frozen=True)
class Locked:
    """A server that asks for keys, and two of them."""

    base: str
    reads: str
    writes: str


@pytest.fixture(scope="module")
def locked(chromium_path: str, built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    values = sample_environment(built, tmp_path_factory.mktemp("locked"))
    keys = [run("app", "keys", "create", name, "--scopes", name, **values) for name in ("read", "read,write")]
    reads, writes = (next(word for word in told.split() if word.startswith("ktup_")) for told in keys)
    with started(values) as (client, _):
        yield Locked(str(client.base_url).rstrip("/"), reads, writes)


@pytest.fixture(scope="module")
def bare(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with an empty database and no release."""
    home: Path = tmp_path_factory.mktemp("bare")
    values = {"KTUP_DATABASE_URL": f"sqlite+aiosqlite:///{home / 'ktup.db'}", "KTUP_RELEASES_DIR": str(home)}
    run("app", "migrate", **values)
    with started(values, wait_for="/health/live") as (client, _):
        yield str(client.base_url).rstrip("/")


def test_a_key_is_asked_for_once_is_kept_in_the_tab_alone_and_opens_everything_it_may(
    locked: Locked, open_tab: OpenTab
) -> None:
    tab = open_tab(locked.base, refused=True)
    tab.open("people/u001")
    dialog = tab.page.get_by_role("dialog")
    dialog.wait_for()
    assert dialog.count() == 1
    tab.shot("key")
    dialog.get_by_label("API key").fill(locked.writes)
    tab.page.keyboard.press("Enter")
    assert len(tab.titles()) == 10
    kept = tab.page.evaluate("[JSON.stringify(sessionStorage), JSON.stringify(localStorage), document.cookie]")
    assert [locked.writes in place for place in kept] == [True, False, False]
    assert locked.writes not in tab.page.url
    before = tab.titles()
    tab.page.get_by_role("slider").first.fill("2")
    tab.page.get_by_text("1 steered").wait_for()
    tab.page.get_by_role("button", name="Reset all").click()
    tab.page.get_by_text("1 steered").wait_for(state="hidden")
    tab.page.reload()
    assert tab.titles() == before
    tab.page.get_by_role("button", name="Forget the key").click()
    tab.page.get_by_role("dialog").wait_for()
    assert "ktup-key" not in tab.page.evaluate("JSON.stringify(sessionStorage)")


def test_a_wrong_key_is_told_and_asked_for_again_and_a_key_that_may_only_read_says_so(
    locked: Locked, open_tab: OpenTab
) -> None:
    tab = open_tab(locked.base, refused=True)
    tab.open("people/u002")
    tab.page.get_by_role("textbox", name="API key").fill("ktup_wrong")
    tab.page.keyboard.press("Enter")
    tab.page.get_by_role("dialog").wait_for()
    tab.page.get_by_role("textbox", name="API key").fill(locked.reads)
    tab.page.keyboard.press("Enter")
    assert len(tab.titles()) == 10
    tab.page.get_by_role("slider").first.fill("0")
    trouble = tab.page.get_by_role("alert")
    trouble.wait_for()
    assert "This key may not do that" in trouble.inner_text()


def test_the_dialog_of_the_key_can_be_closed_and_opened_again(locked: Locked, open_tab: OpenTab) -> None:
    tab = open_tab(locked.base, refused=True)
    tab.open("status")
    tab.page.get_by_role("dialog").wait_for()
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("dialog").wait_for(state="detached")
    tab.page.get_by_role("button", name="Enter a key").first.click()
    tab.page.get_by_role("dialog").wait_for()


def test_a_call_that_is_refused_after_the_dialog_was_closed_does_not_open_it_again(
    locked: Locked, open_tab: OpenTab
) -> None:
    tab = open_tab(locked.base, refused=True)
    held: list[Any] = []
    tab.page.route("**/evaluation", lambda route: held.append(route))
    tab.open("status")
    tab.page.get_by_role("dialog").wait_for()
    tab.page.wait_for_function("performance.getEntriesByName(`${location.origin}/releases`).length > 0")
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("dialog").wait_for(state="detached")
    offers = tab.page.get_by_role("button", name="Enter a key")
    refused_before = offers.count()
    (call,) = held
    call.continue_()
    offers.nth(refused_before).wait_for()
    assert tab.page.get_by_role("dialog").count() == 0


def test_without_people_and_without_a_release_every_view_says_what_to_do(bare: str, open_tab: OpenTab) -> None:
    tab = open_tab(bare, refused=True)
    for view, sentence in (
        ("people", "Nobody is stored yet"),
        ("people/nobody", "No release answers yet"),
        ("session", "Your list appears with the first pick"),
        ("graph", "Nothing waits for a decision"),
        ("graph/nothing", "No entity has this id"),
        ("compare", "No release is active yet"),
        ("status", "There is no release on the disk yet"),
        ("nowhere", "There is no such page"),
    ):
        tab.open(view)
        tab.page.get_by_text(sentence).first.wait_for()
    tab.open("people/nobody")
    tab.page.get_by_text("Trying again by itself in").first.wait_for()
    tab.shot("no-release")


def test_somebody_who_was_never_seen_and_an_item_that_is_not_there_are_told_by_name(
    sample: str, open_tab: OpenTab
) -> None:
    tab = open_tab(sample, refused=True)
    for late in ("recommendations", "preferences"):
        tab.page.route(f"**/{late}**", lambda route: None)  # is not answered at all
        tab.open("people/nobody%20at%20all")
        tab.page.get_by_text("Nobody has this id").first.wait_for()
        # Told once, and at once, as trying again or steering cannot help.
        (alert,) = tab.page.get_by_role("alert").all_inner_texts()
        assert "'nobody at all'" in alert, late
        assert tab.page.get_by_role("button", name="Try again").count() == 0, late
        assert tab.page.get_by_text("Why not").count() == 0, late
        tab.page.unroute(f"**/{late}**")
        tab.open("status")
    event = {"event_id": "dots", "user_id": "..", "item_id": "alien-1979", "type": "like"}
    assert httpx.post(f"{sample}/events", json=[event]).is_success
    tab.open("people/..")
    tab.page.get_by_text("No browser can ask for this id").first.wait_for()


def test_what_the_server_asks_to_wait_for_is_tried_again_by_itself(sample: str, open_tab: OpenTab) -> None:
    """Only the first answer is made up, as a busy server is hard to arrange: the second comes from the service."""
    tab = open_tab(sample, refused=True)
    asked: list[str] = []

    def once_busy(route: object) -> None:
        asked.append("")
        if len(asked) > 1:
            route.continue_()  # type: ignore[attr-defined]
            return
        body = '{"status":503,"code":"overloaded","title":"Overloaded","detail":"Busy.","request_id":"r"}'
        headers = {"Retry-After": "1", "Content-Type": "application/problem+json"}
        route.fulfill(status=503, headers=headers, body=body)  # type: ignore[attr-defined]

    tab.page.route("**/recommendations", once_busy)
    tab.open("people/u001")
    tab.page.get_by_text("The service is busy").wait_for()
    assert len(tab.titles()) == 10
    assert len(asked) == 2
