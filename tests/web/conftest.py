"""A browser, and the sample served to it by a process of its own.

Chromium comes from the system: `apt-get install chromium`, or TEST_CHROMIUM names one. Screenshots lie in
`var/screenshots`, or where TEST_SCREENSHOTS says.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import ROOT, Built, built, run, serve, started

__all__ = ["built", "serve"]

SCREENSHOTS = Path(os.environ.get("TEST_SCREENSHOTS", ROOT / "var" / "screenshots"))
_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium_path() -> str:
    pytest.importorskip("playwright", reason="playwright is not installed: it is in the group `dev`")
    found = os.environ.get("TEST_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("chromium is not installed: apt-get install chromium, or name one by TEST_CHROMIUM")
    return found


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Any]:
    """Chromium, for one file of tests: while it runs, nothing else can use an event loop in this thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Its sandbox needs rights that containers lack; it sees nothing but our own page.
        launched = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield launched
        launched.close()


@dataclass
class Tab:
    """A page of the explorer, and what went wrong in it."""

    page: Any
    base: str
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def open(self, where: str) -> None:
        """Go to a view: what stands behind `#/`."""
        self.page.goto(f"{self.base}/#/{where}")

    def shot(self, name: str) -> None:
        """Keep a picture, to be looked at."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    def settled(self) -> None:
        """Wait until the list that is shown is the newest one."""
        self.page.locator("[aria-busy=false] .card").first.wait_for()

    def titles(self) -> list[str]:
        """The titles of the cards, in their order, once there are some."""
        self.page.locator(".card").first.wait_for()
        texts: list[str] = self.page.locator(".card h3").all_text_contents()
        return [text.partition(": ")[2].strip() for text in texts]


OpenTab = Callable[..., Tab]


@pytest.fixture
def open_tab(browser: Any) -> Iterator[OpenTab]:
    """Open a tab of a server; at the end of the test no script failed in it, and nothing was asked of another host."""
    tabs: list[Tab] = []

    def new(base: str, *, refused: bool = False, **context: Any) -> Tab:
        page = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context}).new_page()
        page.set_default_timeout(30_000)
        tab = Tab(page, base)
        page.on("pageerror", lambda error: tab.errors.append(str(error)))
        page.on("console", lambda message: _note(tab, message, refused))
        page.on("request", lambda request: _note_place(tab, request.url))
        tabs.append(tab)
        return tab

    yield new
    for tab in tabs:
        tab.page.context.close()
    assert [tab.errors for tab in tabs] == [[] for _ in tabs]
    assert [tab.elsewhere for tab in tabs] == [[] for _ in tabs]


def _note_place(tab: Tab, url: str) -> None:
    if not url.startswith((tab.base, "data:")):
        tab.elsewhere.append(url)


def _note(tab: Tab, message: Any, refused: bool) -> None:
    """Remember an error that was logged; that a call was refused is one only where none should be."""
    if message.type == "error" and not (refused and message.text.startswith("Failed to load resource")):
        tab.errors.append(message.text)


def sample_environment(built: Built, home: Path) -> dict[str, str]:
    """Give the settings of a service with the sample's train and valid splits, and the first release active."""
    values = {"KTUP_DATABASE_URL": f"sqlite+aiosqlite:///{home / 'ktup.db'}", "KTUP_RELEASES_DIR": str(built.releases)}
    values["KTUP_LOG_LEVEL"] = "warning"
    run("app", "migrate", **values)
    run("app", "import", built.dataset, "--splits", "train,valid", **values)
    run("app", "activate", built.first, **values)
    return values


@pytest.fixture(scope="session")
def sample(chromium_path: str, built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with the sample. Tests share it: each changes people of its own."""
    with started(sample_environment(built, tmp_path_factory.mktemp("explorer"))) as (client, _):
        yield str(client.base_url).rstrip("/")
