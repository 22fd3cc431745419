"""The explorer without a mouse, for a screen reader, in the dark, and on a phone."""

from typing import Any

import httpx
import pytest

from tests.web.conftest import OpenTab, Tab

pytestmark = pytest.mark.timeout(900)  # the sample is trained first, on a machine that may have other work

VIEWS = {
    "people": ".tiles li",
    "people/u001": ".card",
    "session": ".chip",
    "graph": "h1",
    "graph/person-sergio-leone": ".candidates li",
    "compare/u001": "tbody tr",
    "status": "tbody tr",
}
SERIOUS = {"serious", "critical"}


def findings(tab: Tab) -> list[str]:
    """What axe finds that is serious or worse: rule and place."""
    from axe_playwright_python.sync_playwright import Axe

    violations: list[dict[str, Any]] = Axe().run(tab.page).response["violations"]
    return [f"{v['id']}: {n['target']} {n['html']}" for v in violations if v["impact"] in SERIOUS for n in v["nodes"]]


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_no_view_has_a_serious_finding(sample: str, open_tab: OpenTab, colours: str) -> None:
    tab = open_tab(sample, color_scheme=colours, reduced_motion="reduce")
    found = {}
    for view, shown in VIEWS.items():
        tab.open(view)
        tab.page.locator(shown).first.wait_for()
        tab.shot(f"{colours}-{view.replace('/', '-')}")
        found[view] = findings(tab)
    tab.open("people/u001")
    tab.page.get_by_role("button", name="Show the reason for").first.click()
    tab.page.get_by_role("dialog").get_by_role("img").wait_for()
    tab.shot(f"{colours}-dialog")
    found["dialog"] = findings(tab)
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("combobox", name="Whose list?").fill("u01")
    tab.page.get_by_role("option").first.wait_for()
    found["search"] = findings(tab)
    assert found == {view: [] for view in found}


def test_axe_finds_what_is_wrong(sample: str, open_tab: OpenTab) -> None:
    """The scan would tell: a field without a name, and text that is hardly there."""
    tab = open_tab(sample)
    tab.open("people")
    tab.page.locator(".tiles li").first.wait_for()
    tab.page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    tab.page.evaluate("document.querySelector('h1').style.color = '#eee'")
    assert {finding.split(":")[0] for finding in findings(tab)} >= {"label", "color-contrast"}


@pytest.mark.parametrize("view", [*VIEWS, "dialog"])
def test_nothing_is_wider_than_a_phone(sample: str, open_tab: OpenTab, view: str) -> None:
    tab = open_tab(sample, viewport={"width": 360, "height": 740}, color_scheme="dark", has_touch=True)
    tab.open("people/u001" if view == "dialog" else view)
    tab.page.locator(VIEWS.get(view, ".card")).first.wait_for()
    if view == "dialog":
        tab.page.get_by_role("button", name="Show the reason for").first.tap()
        tab.page.get_by_role("dialog").get_by_role("img").wait_for()
    tab.shot(f"phone-{view.replace('/', '-')}")
    wide = tab.page.evaluate(
        "[document.scrollingElement, ...document.querySelectorAll('dialog')].map(e => e.scrollWidth - e.clientWidth)"
    )
    assert wide == [0] * len(wide)


def focused(tab: Tab) -> str:
    """The name and kind of what has the focus."""
    told: str = tab.page.evaluate(
        "(e => `${e.tagName} ${e.getAttribute('aria-label') ?? (e.labels?.[0]?.innerText || e.innerText)}`)"
        "(document.activeElement)"
    )
    return told


def tab_to(tab: Tab, name: str, most: int = 60) -> None:
    """Press Tab until something of this name has the focus; what has it is always seen to have it."""
    for _ in range(most):
        tab.page.keyboard.press("Tab")
        seen = tab.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        in_picture = tab.page.evaluate("document.activeElement.closest('svg') !== null")
        assert in_picture or seen != "none", focused(tab)
        if name in focused(tab):
            return
    pytest.fail(f"no Tab leads to {name}")


def test_everything_about_a_person_can_be_done_by_keyboard_alone(sample: str, open_tab: OpenTab) -> None:
    tab = open_tab(sample)
    tab.page.goto(sample)
    tab.page.locator(".tiles li").first.wait_for()
    keyboard = tab.page.keyboard
    keyboard.press("Tab")
    assert "Skip to the content" in focused(tab)
    keyboard.press("Enter")
    tab_to(tab, "Whose list?")
    keyboard.type("u03")
    tab.page.get_by_role("option", name="u039").wait_for()
    keyboard.press("ArrowDown")
    keyboard.press("ArrowDown")
    assert tab.page.locator("[role=option][aria-selected=true]").inner_text().startswith("u032")
    keyboard.press("Escape")
    assert tab.page.get_by_role("option").count() == 0
    keyboard.press("ArrowDown")
    tab.page.get_by_role("option", name="u030").wait_for()
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    before = tab.titles()
    person = tab.page.get_by_role("heading", level=1).inner_text()
    weightiest = httpx.get(f"{sample}/users/{person}/preferences").json()["preferences"][0]["label"]
    tab_to(tab, f"INPUT {weightiest}")
    keyboard.press("Home")
    tab.page.locator(".moved").first.wait_for()
    assert tab.titles() != before
    tab_to(tab, "Reset all")
    keyboard.press("Enter")
    tab.page.get_by_text("1 steered").wait_for(state="hidden")
    tab.settled()
    assert tab.titles() == before
    tab_to(tab, "Show the reason for")
    opener = focused(tab)
    keyboard.press("Enter")
    tab.page.get_by_role("dialog").get_by_role("img").wait_for()
    # The focus stays in the dialog, and goes back where it was.
    for _ in range(30):
        keyboard.press("Tab")
        # From the last thing of a dialog, browsers go over their own frame, where the page has no focus at all.
        assert tab.page.evaluate("(e => e === document.body || e.closest('dialog') !== null)(document.activeElement)")
    keyboard.press("Escape")
    tab.page.get_by_role("dialog").wait_for(state="detached")
    assert focused(tab) == opener


def test_the_colours_are_switched_and_stay_so(sample: str, open_tab: OpenTab) -> None:
    tab = open_tab(sample, color_scheme="light")
    tab.open("status")
    ground = "getComputedStyle(document.body).backgroundColor"
    tab.page.get_by_role("button", name="Colours: system").click()
    light = tab.page.evaluate(ground)
    tab.page.get_by_role("button", name="Colours: light").click()
    dark = tab.page.evaluate(ground)
    assert light != dark
    tab.page.reload()
    tab.page.get_by_role("button", name="Colours: dark").wait_for()
    assert tab.page.evaluate(ground) == dark


def test_the_documentation_works_without_another_host(sample: str, open_tab: OpenTab) -> None:
    tab = open_tab(sample)
    tab.page.goto(f"{sample}/docs")
    call = tab.page.locator("#operations-recommend-list_recommendations_users__user_id__recommendations_get")
    call.locator("button").first.click()
    tab.page.get_by_role("button", name="Try it out").click()
    tab.page.get_by_placeholder("user_id").fill("u001")
    tab.page.get_by_role("button", name="Execute").click()
    tab.page.locator(".live-responses-table .response-col_status", has_text="200").wait_for()
    tab.shot("docs")
