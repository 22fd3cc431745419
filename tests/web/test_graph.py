"""The knowledge graph in the browser: search, facts, what is missing, and decisions."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.end_to_end.conftest import Built, started
from tests.web.conftest import OpenTab, Tab, sample_environment

pytestmark = pytest.mark.timeout(900)  # the sample is trained first, on a machine that may have other work


@pytest.fixture(scope="module")
def changing(chromium_path: str, built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose graph is changed by these tests."""
    with started(sample_environment(built, tmp_path_factory.mktemp("graph"))) as (client, _):
        yield str(client.base_url).rstrip("/")


def expect_focus(tab: Tab, field: Any) -> None:
    """Wait for a field, and see that it has the focus."""
    field.wait_for()
    tab.page.wait_for_function("element => element === document.activeElement", arg=field.element_handle())


def test_an_entity_is_found_in_spite_of_a_typing_error_and_its_facts_are_those_of_the_api(
    sample: str, open_tab: OpenTab
) -> None:
    tab = open_tab(sample)
    tab.open("graph")
    tab.page.get_by_role("combobox", name="Search the knowledge graph").fill("sergo leone")
    tab.page.get_by_role("option", name="Sergio Leone").first.click()
    tab.page.get_by_role("heading", name="Sergio Leone").wait_for()
    into = httpx.get(f"{sample}/kg/facts", params={"tail": "person-sergio-leone"}).json()["facts"]
    told = tab.page.get_by_role("region", name="Facts with it as tail").get_by_role("listitem").all_inner_texts()
    assert told == [f"{fact['head_label']} {fact['relation_label']}" for fact in into]
    picture = tab.page.get_by_role("group", name="Facts around Sergio Leone")
    assert picture.get_by_role("link").count() == len({fact["head"] for fact in into[:8]})
    tab.shot("entity")
    picture.get_by_role("link").first.click()
    tab.page.get_by_role("heading", name=into[0]["head_label"]).first.wait_for()


def test_what_is_missing_is_ranked_as_the_api_ranks_it_with_its_probability(sample: str, open_tab: OpenTab) -> None:
    tab = open_tab(sample)
    tab.open("graph/once-upon-a-time-in-america-1984")
    tab.page.get_by_label("Ask the model for").select_option("tail director")
    query = {"head": "once-upon-a-time-in-america-1984", "relation": "director"}
    ranked = httpx.get(f"{sample}/kg/complete", params=query).json()["candidates"]
    tab.page.locator(".candidates").get_by_role("link", name=ranked[0]["label"]).first.wait_for()
    rows = tab.page.locator(".candidates li")
    assert rows.get_by_role("link").all_inner_texts() == [each["label"] for each in ranked]
    for row, each in zip(rows.all(), ranked, strict=True):
        told = row.locator(".share-number").inner_text().replace("\u00a0", " ")
        whole = round(100 * each["probability"])
        assert told == (f"{whole} %" if each["probability"] >= 0.005 else "<1 %")


def test_a_fact_is_predicted_then_accepted_by_a_named_person_and_is_a_fact_at_once(
    changing: str, open_tab: OpenTab
) -> None:
    tab = open_tab(changing)
    tab.open("graph")
    assert "Nothing waits for a decision" in (tab.page.locator(".empty").inner_text())
    tab.page.get_by_role("button", name="Predict missing facts").click()
    tab.page.locator(".review li").first.wait_for()
    tab.shot("review")
    (first, *_) = httpx.get(f"{changing}/kg/candidates", params={"limit": 1}).json()["candidates"]
    accept = f"Accept: {first['head_label']}, {first['relation_label']}, {first['tail_label']}"
    button = tab.page.get_by_role("button", name=accept, exact=True)
    button.click()
    # Nobody decides without a name: nothing has happened yet, and the one field for it has the focus.
    name = tab.page.get_by_label("Decisions are kept with a name")
    expect_focus(tab, name)
    assert tab.page.locator("form.reviewer").count() == 1
    assert tab.page.get_by_role("status").get_by_text(accept).count() == 1
    assert httpx.get(f"{changing}/kg/candidates", params={"state": "accepted"}).json()["candidates"] == []
    tab.shot("review-nameless")
    # With the name, what waited for it is done.
    name.fill("Ada")
    name.press("Enter")
    button.wait_for(state="detached")
    assert tab.page.locator("form.reviewer").count() == 0
    assert "You decide as Ada" in tab.page.locator("main").inner_text()
    (accepted,) = httpx.get(f"{changing}/kg/candidates", params={"state": "accepted"}).json()["candidates"]
    assert (accepted["candidate_id"], accepted["decided_by"]) == (first["candidate_id"], "Ada")
    tab.open(f"graph/{first['head']}")
    fact = (
        tab.page.get_by_role("region", name="Facts with it as head")
        .get_by_role("listitem")
        .filter(has_text="accepted by")
    )
    fact.wait_for()
    assert fact.get_by_role("link").all_inner_texts() == [first["tail_label"]]


def test_looking_at_what_waits_asks_for_no_name_before_anybody_decides(changing: str, open_tab: OpenTab) -> None:
    tab = open_tab(changing)
    tab.open("graph")
    tab.page.get_by_label("Decisions are kept with a name").wait_for()
    assert tab.page.evaluate("document.activeElement.tagName") == "BODY"
    tab.page.evaluate("sessionStorage.setItem('ktup-reviewer', 'Ada')")
    tab.page.reload()
    tab.page.get_by_role("button", name="Change", exact=True).click()
    expect_focus(tab, tab.page.get_by_label("Decisions are kept with a name"))


def test_a_decision_about_an_entity_waits_for_the_name_and_is_then_made(changing: str, open_tab: OpenTab) -> None:
    httpx.post(f"{changing}/kg/candidates", json={"gaps": 50})
    (*_, last) = httpx.get(f"{changing}/kg/candidates", params={"limit": 1000}).json()["candidates"]
    tab = open_tab(changing)
    tab.open(f"graph/{last['head']}")
    tab.page.get_by_label("Ask the model for").select_option(f"tail {last['relation']}")
    named = f"Reject: {last['head_label']}, {last['relation_label']}, {last['tail_label']}"
    button = tab.page.get_by_role("button", name=named, exact=True)
    button.click()
    name = tab.page.get_by_label("Decisions are kept with a name")
    expect_focus(tab, name)
    name.fill("Grace")
    tab.page.get_by_role("button", name="Use this name").click()
    button.wait_for(state="detached")
    rejected = httpx.get(f"{changing}/kg/candidates", params={"state": "rejected"}).json()["candidates"]
    assert [(each["candidate_id"], each["decided_by"]) for each in rejected] == [(last["candidate_id"], "Grace")]


def test_a_rejected_fact_is_neither_a_fact_nor_offered_again(changing: str, open_tab: OpenTab) -> None:
    httpx.post(f"{changing}/kg/candidates", json={"gaps": 50})
    waiting = httpx.get(f"{changing}/kg/candidates", params={"limit": 1000}).json()["candidates"]
    head, relation = waiting[-1]["head"], waiting[-1]["relation"]
    best = next(each for each in waiting if (each["head"], each["relation"]) == (head, relation))
    tab = open_tab(changing)
    tab.page.add_init_script("sessionStorage.setItem('ktup-reviewer', 'Ada')")
    tab.open(f"graph/{head}")
    # What is under review is asked for first.
    options = tab.page.get_by_label("Ask the model for").locator("option")
    under_review = {each["relation_label"] for each in waiting if each["head"] == head}
    assert options.first.text_content() in {f"it – {label} – ?" for label in under_review}
    tab.page.get_by_label("Ask the model for").select_option(f"tail {relation}")
    named = f"Reject: {best['head_label']}, {best['relation_label']}, {best['tail_label']}"
    tab.page.get_by_role("button", name=named, exact=True).click()
    tab.page.get_by_role("button", name=named, exact=True).wait_for(state="detached")
    rejected = httpx.get(f"{changing}/kg/candidates", params={"state": "rejected"}).json()["candidates"]
    assert (head, relation, best["tail"], "Ada") in {
        (each["head"], each["relation"], each["tail"], each["decided_by"]) for each in rejected
    }
    known = httpx.get(f"{changing}/kg/facts", params={"head": head, "relation": relation}).json()["facts"]
    assert best["tail"] not in {fact["tail"] for fact in known}
    assert tab.page.locator(".candidates").get_by_role("link", name=best["tail_label"], exact=True).count() == 0


def test_two_releases_are_compared_for_a_person_once_both_are_loaded_and_nobodys_list_changes(
    changing: str, open_tab: OpenTab
) -> None:
    def items(**more: str) -> list[str]:
        answer = httpx.get(f"{changing}/users/u001/recommendations", params=more).raise_for_status()
        return [item["title"] for item in answer.json()["items"]]

    tab = open_tab(changing)
    before = items()
    tab.open("compare")
    box = tab.page.get_by_role("combobox", name="For whom?")
    box.fill("u001")
    box.press("Enter")
    assert "second is not loaded" in tab.page.locator(".notice").inner_text()
    tab.page.get_by_role("button", name="Load second for comparison (serves nobody)").click()
    tab.page.locator(".short li").nth(19).wait_for()
    first, second = (each.locator("li") for each in tab.page.locator(".short").all())
    assert all(line.startswith(title) for line, title in zip(first.all_inner_texts(), before, strict=True))
    expected = items(release="second")
    assert expected != before
    for line, title in zip(second.all_inner_texts(), expected, strict=True):
        place = before.index(title) - expected.index(title) if title in before else None
        told = "not in A" if place is None else "same place" if place == 0 else f"{abs(place)} "
        assert line.startswith(title)
        assert told in line
    tab.shot("compare")
    assert items() == before
    tab.page.get_by_role("button", name="Unload second").click()
    tab.page.get_by_role("button", name="Load second for comparison (serves nobody)").wait_for()
    figures = {each["metric"]: each for each in httpx.get(f"{changing}/releases/second/diff").json()["metrics"]}
    row = tab.page.get_by_role("row", name=re.compile("^F1@10")).get_by_role("cell").all_inner_texts()
    assert float(row[1]) == pytest.approx(figures["recommendation.f1"]["release"], abs=5e-5)


def test_the_status_page_tells_release_health_figures_and_use(sample: str, open_tab: OpenTab) -> None:
    tab = open_tab(sample)
    tab.open("status")
    tab.page.get_by_role("row", name=re.compile("^NDCG@10")).wait_for()
    measured = httpx.get(f"{sample}/evaluation").json()
    (release, popular) = tab.page.get_by_role("row", name=re.compile("^NDCG@10")).get_by_role("cell").all_inner_texts()
    assert float(release) == pytest.approx(measured["recommendation"]["ndcg"], abs=5e-5)
    assert float(popular) == pytest.approx(measured["most_popular"]["ndcg"], abs=5e-5)
    told = {"Precision@10", "Recall@10", "F1@10", "Hit rate@10", "NDCG@10", "Users measured", "Facts measured"}
    told |= {"Hits@10", "MRR", "Mean rank (lower is better)"}
    assert set(tab.page.get_by_role("region", name="Evaluation").get_by_role("rowheader").all_inner_texts()) == told
    health = tab.page.get_by_role("region", name="Health").inner_text()
    assert "ready" in health
    assert "first answers" in health
    active = tab.page.get_by_role("region", name="Releases on disk").get_by_role("row").filter(has_text="active")
    assert active.get_by_role("rowheader").all_inner_texts() == ["first"]
    assert "were not audited" in tab.page.locator("main").inner_text()
    requests = tab.page.get_by_role("region", name="This process").inner_text()
    assert int(re.sub(r"\D", "", requests.split(" requests")[0].split("\n")[-1])) > 10
    tab.shot("status")
