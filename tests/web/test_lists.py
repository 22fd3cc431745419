"""Lists in the browser: search, cards, the picture of a reason, steering, why not, sessions, and ids of any kind."""

import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.web.conftest import OpenTab

pytestmark = pytest.mark.timeout(900)  # the sample is trained first, on a machine that may have other work


def asked(base: str, user: str, **more: str) -> list[dict[str, object]]:
    """The list as the API gives it."""
    answer = httpx.get(f"{base}/users/{quote(user, safe='')}/recommendations", params={"explain": "summary", **more})
    items: list[dict[str, object]] = answer.raise_for_status().json()["items"]
    return items


def test_somebody_is_found_by_how_the_id_begins_and_the_cards_are_the_list_of_the_api(
    sample: str, open_tab: OpenTab
) -> None:
    tab = open_tab(sample)
    tab.page.goto(sample)
    tab.page.locator(".tiles li").nth(23).wait_for()
    assert tab.page.get_by_text("The first 24. Type an id above to find others.").count() == 1
    assert tab.page.locator(".tiles li").count() == 24
    tab.page.get_by_role("button", name="Show more").click()
    tab.page.locator(".tiles li").nth(95).wait_for()
    assert tab.page.get_by_text("The first 96.").count() == 1
    tab.shot("people")
    tab.page.get_by_role("combobox", name="Whose list?").fill("u03")
    tab.page.get_by_role("option").nth(9).wait_for()
    tab.page.get_by_role("option", name="u037").click()
    expected = asked(sample, "u037")
    assert tab.titles() == [item["title"] for item in expected]
    for card, item in zip(tab.page.locator(".card").all(), expected, strict=True):
        why = item["explanation"]
        assert isinstance(why, dict)
        assert card.locator(".why").inner_text() == why["text"]
        assert (
            card.locator(".badge").inner_text()
            == {"grounded": "grounded in facts", "model_only": "model only"}[why["status"]]
        )
        shares = [round(100 * each["share"]) for each in why["preferences"][:3]]
        told = [re.sub(r"\D", "", text) for text in card.locator(".share-number").all_inner_texts()]
        assert told == [str(max(share, 1)) for share in shares]


def test_the_picture_of_a_reason_shows_history_facts_and_item_and_the_list_says_the_same(
    sample: str, open_tab: OpenTab
) -> None:
    tab = open_tab(sample)
    tab.open("people/u001")
    (item,) = [i for i in asked(sample, "u001") if i["explanation"]["status"] == "grounded"][:1]  # type: ignore[index]
    tab.page.get_by_role("button", name=f"Show the reason for {item['title']}").click()
    picture = tab.page.get_by_role("dialog").get_by_role("img")
    picture.wait_for()
    tab.shot("reason")
    full = httpx.get(f"{sample}/users/u001/recommendations/{item['item_id']}/explanation").json()["explanation"]
    evidence = {each["history_item"]: each for each in (item["explanation"]["evidence"][0], *full["evidence"])}  # type: ignore[index]
    facts = {tuple(fact) for each in evidence.values() for fact in each["facts"]}
    assert tab.page.locator("dialog .facts li").count() == len(facts) >= 2
    first = full["preferences"][0]
    share = f"{round(100 * first['share'])}"
    preference = " ".join(picture.locator(".node.preference text").all_text_contents())
    assert re.sub(r"\s+", " ", preference) == f"{first['label']} {share} %"
    assert " ".join(picture.locator(".node.goal text").all_text_contents()) == item["title"]
    assert picture.locator(".node.met").count() == len(evidence)
    assert f"{first['label']} with {share}" in picture.get_attribute("aria-label").replace("\u00a0", " ")
    # What was tried stands beside it: score and place without the first preference.
    score, place = tab.page.locator("dialog tbody tr").first.inner_text().split("\t")[2:4]
    assert score.startswith(f"{first['without']['score']:.3f}")
    assert place.startswith(str(first["without"]["rank"]))


def test_where_the_card_names_another_item_than_the_full_reason_the_dialog_says_why_and_shows_both(
    sample: str, open_tab: OpenTab
) -> None:
    def differing() -> tuple[str, dict[str, Any], dict[str, Any]]:
        """A pair whose sentences differ, grounded by a score that falls while the place may stay."""
        for number in range(1, 100):
            for item in asked(sample, f"u{number:03}"):
                card: dict[str, Any] = item["explanation"]  # type: ignore[assignment]
                pair = httpx.get(f"{sample}/users/u{number:03}/recommendations/{item['item_id']}/explanation").json()
                full = pair["explanation"]
                named = card["evidence"][:1]
                if card["status"] == full["status"] == "grounded" and named[0]["history_item"] not in {
                    each["history_item"] for each in full["evidence"]
                }:
                    return f"u{number:03}", item, pair
        pytest.fail("no reason in full leaves out what its card names")

    user, item, pair = differing()
    (named, *_), full = item["explanation"]["evidence"], pair["explanation"]
    assert item["explanation"]["text"] != full["text"]
    tab = open_tab(sample)
    tab.open(f"people/{user}")
    tab.page.get_by_role("button", name=f"Show the reason for {item['title']}", exact=True).click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_role("img").wait_for()
    tab.shot("reason-of-card-and-dialog")
    told = dialog.inner_text()
    assert full["text"] in told
    assert "The card names the most specific shared fact; here the history item whose removal lowers the score" in told
    for name in (named["history_item"], full["evidence"][0]["history_item"]):
        title = httpx.get(f"{sample}/items/{name}").json()["title"]
        assert dialog.locator(".facts").get_by_role("link", name=title, exact=True).count() >= 1
    # What the badge says can be seen: the score falls without the first preference.
    without = full["preferences"][0]["without"]["score"]
    assert without < pair["score"]
    assert dialog.locator("tbody tr").first.inner_text().split("\t")[2] == f"{without:.3f} ▼"


def test_titles_with_commas_are_told_apart_where_several_would_have_to_be_taken_back(
    sample: str, open_tab: OpenTab
) -> None:
    def several() -> tuple[str, str, list[str]]:
        for number in range(1, 100):
            for item in asked(sample, f"u{number:03}"):
                pair = httpx.get(f"{sample}/users/u{number:03}/recommendations/{item['item_id']}/explanation").json()
                removed: list[str] = pair["explanation"]["counterfactual"]["remove"]
                if len(removed) > 2:
                    return f"u{number:03}", str(item["title"]), removed
        pytest.fail("two are always enough")

    user, title, removed = several()
    titles = [httpx.get(f"{sample}/items/{each}").json()["title"] for each in removed]
    tab = open_tab(sample)
    tab.open(f"people/{user}")
    tab.page.get_by_role("button", name=f"Show the reason for {title}", exact=True).click()
    line = tab.page.get_by_role("dialog").locator("p", has_text="in the history,")
    line.get_by_text(titles[-1]).wait_for()
    assert line.locator("strong").all_inner_texts() == titles
    assert line.inner_text().startswith(f"Without {', '.join(titles[:-1])} and {titles[-1]} in the history,")


def test_a_slider_ranks_again_says_what_moved_and_reset_restores_the_list(sample: str, open_tab: OpenTab) -> None:
    tab = open_tab(sample)
    tab.open("people/u002")
    before = tab.titles()
    weightiest = httpx.get(f"{sample}/users/u002/preferences").json()["preferences"][0]
    tab.page.get_by_role("slider", name=weightiest["label"], exact=True).fill("0")
    tab.page.locator(".moved").first.wait_for()
    steered = tab.titles()
    assert steered != before
    assert steered == [item["title"] for item in asked(sample, "u002")]
    for card, title in zip(tab.page.locator(".card").all(), steered, strict=True):
        places = before.index(title) - steered.index(title) if title in before else None
        told = card.locator(".moved").inner_text() if card.locator(".moved").count() else ""
        expected = "new in the list" if places is None else f"{abs(places)} place" if places else ""
        assert told.lstrip("▲▼ ").startswith(expected), title
        assert places is None or ("up" in told) is (places > 0)
    tab.shot("steered")
    tab.page.get_by_role("button", name="Reset all").click()
    tab.page.get_by_text("1 steered").wait_for(state="hidden")
    tab.settled()
    assert tab.titles() == before
    assert httpx.get(f"{sample}/users/u002/preferences").json()["steered"] == []


def test_why_not_tells_the_place_of_an_item_and_applies_the_change_that_brings_it_in(
    sample: str, open_tab: OpenTab
) -> None:
    def steerable() -> tuple[str, dict[str, object]]:
        for number in range(40, 80):
            user = f"u{number:03}"
            listed = {item["item_id"] for item in asked(sample, user)}
            for item in asked(sample, user, limit="16"):
                if item["item_id"] not in listed:
                    answer = httpx.get(f"{sample}/users/{user}/why-not/{item['item_id']}").json()
                    if answer["change"] and answer["change"]["kind"] == "steer":
                        return user, answer
        pytest.fail("nobody can be steered to an item")

    user, answer = steerable()
    tab = open_tab(sample)
    tab.open(f"people/{user}")
    assert answer["title"] not in tab.titles()
    tab.page.get_by_role("combobox", name="Why is this not").fill(str(answer["title"]))
    tab.page.get_by_role("option").first.click()
    told = tab.page.locator(".whynot")
    told.wait_for()
    assert f"is at place {answer['rank']}" in told.inner_text()
    tab.shot("why-not")
    tab.page.get_by_role("button", name="Steer so that").click()
    tab.page.locator(".moved").first.wait_for()
    assert answer["title"] in tab.titles()
    httpx.delete(f"{sample}/users/{user}/preferences/{answer['change']['relation_id']}")  # type: ignore[index]


def test_a_session_gets_a_list_with_the_first_pick_and_nothing_of_it_is_stored(sample: str, open_tab: OpenTab) -> None:
    people = httpx.get(f"{sample}/users", params={"limit": 1000}).json()
    tab = open_tab(sample)
    tab.open("session")
    box = tab.page.get_by_role("combobox", name="Something you like")
    for title in ("Alien", "Aliens"):
        box.fill(title)
        tab.page.get_by_role("option").first.wait_for()
        box.press("Enter")
        tab.page.get_by_role("button", name=f"No longer like {title}", exact=True).wait_for()
    tab.settled()
    body = {"items": ["alien-1979", "aliens-1986"]}
    expected = httpx.post(f"{sample}/recommendations", json=body).json()
    assert tab.titles() == [item["title"] for item in expected["items"]]
    assert expected["strategy"] == "fold_in"
    tab.shot("session")
    for title in ("Alien", "Aliens"):
        tab.page.get_by_role("button", name=f"No longer like {title}", exact=True).click()
    assert "Your list appears with the first pick" in tab.page.locator("main").inner_text()
    assert httpx.get(f"{sample}/users", params={"limit": 1000}).json() == people


@pytest.mark.parametrize("user", ["a/b", "%2F", "中文", "x+y", "a?b#c", "popular", "10% off", " space ", "é😀"])
def test_people_of_any_id_have_a_list_reasons_and_sliders(sample: str, open_tab: OpenTab, user: str) -> None:
    event = {"event_id": f"like {user}", "user_id": user, "item_id": "alien-1979", "type": "like"}
    assert httpx.post(f"{sample}/events", json=[event]).is_success
    tab = open_tab(sample)
    tab.open("people")
    tab.page.get_by_role("combobox", name="Whose list?").fill(user)
    tab.page.get_by_role("option").get_by_text(user, exact=True).click()
    assert len(tab.titles()) == 10
    assert tab.page.get_by_role("heading", level=1).inner_text() == user.strip()
    tab.page.get_by_role("slider").first.wait_for()
    tab.page.get_by_role("button", name="Show the reason for").first.click()
    tab.page.get_by_role("dialog").get_by_role("img").wait_for()


def test_the_address_of_a_view_can_be_kept_and_the_browsers_back_button_works(sample: str, open_tab: OpenTab) -> None:
    tab = open_tab(sample)
    tab.open("people/u004")
    first = tab.titles()
    tab.open("people/u005")
    tab.page.get_by_role("heading", name="u005").wait_for()
    tab.page.go_back()
    tab.page.get_by_role("heading", name="u004").wait_for()
    assert tab.titles() == first
