"""Predicted facts go round: predicted, decided, exported, trained on, and served by the release that follows."""

from collections.abc import Callable
from typing import Any

import httpx
import polars as pl
import pytest

from tests.end_to_end.conftest import Built, Serve, run
from training.data.dataset import Dataset

Fact = tuple[str, str, str]


@pytest.fixture
def environment(built: Built, empty_database: Callable[[str], str]) -> dict[str, str]:
    """A database with the sample's train and valid splits, and the first release active."""
    values = {"KTUP_DATABASE_URL": empty_database("sqlite"), "KTUP_RELEASES_DIR": str(built.releases)}
    run("app", "migrate", **values)
    run("app", "import", built.dataset, "--splits", "train,valid", **values)
    run("app", "activate", built.first, **values)
    return values


def open_candidates(client: httpx.Client) -> dict[Fact, dict[str, Any]]:
    body = client.get("/kg/candidates", params={"limit": 1000}).json()
    assert body["next_cursor"] is None
    return {(each["head"], each["relation"], each["tail"]): each for each in body["candidates"]}


def decide_all(client: httpx.Client, held_out: set[Fact]) -> tuple[set[Fact], set[Fact]]:
    """Accept what the test split knows to be true, and reject the rest."""
    accepted, rejected = set[Fact](), set[Fact]()
    for fact, candidate in open_candidates(client).items():
        decision = "accept" if fact in held_out else "reject"
        body = {"decision": decision, "by": "reviewer", "reason": "the test split"}
        answer = client.post(f"/kg/candidates/{candidate['candidate_id']}/decision", json=body)
        assert answer.status_code == 200, answer.text
        (accepted if fact in held_out else rejected).add(fact)
    return accepted, rejected


def cited(client: httpx.Client) -> set[tuple[str, Fact]]:
    """The facts that stand as evidence in some people's lists, with their origin."""
    found = set()
    for number in range(1, 41):
        asked: dict[str, str | int] = {"explain": "summary", "limit": 50}
        for item in client.get(f"/users/u{number:03}/recommendations", params=asked).json()["items"]:
            for evidence in item["explanation"]["evidence"]:
                found |= {(evidence["origin"], tuple(fact)) for fact in evidence["facts"]}
    return found


def offered(client: httpx.Client, heads_and_relations: set[tuple[str, str]]) -> set[Fact]:
    """Everything that completions offer for the tails of some heads."""
    found = set()
    for head, relation in heads_and_relations:
        asked: dict[str, str | int] = {"head": head, "relation": relation, "limit": 100}
        asked |= {"type_check": "false", "include_known": "true"}
        body = client.get("/kg/complete", params=asked).json()
        found |= {(head, relation, candidate["entity_id"]) for candidate in body["candidates"]}
    return found


def exported(client: httpx.Client) -> set[Fact]:
    with client.stream("GET", "/kg/predictions/export", params={"least_probability": 0.0, "per_query": 100}) as answer:
        lines = [line.split("\t") for line in answer.iter_lines()]
    return {(line[0], line[1], line[2]) for line in lines[1:]}


@pytest.mark.slow
@pytest.mark.timeout(1800)  # three trainings, on a machine that may have other work
def test_accepted_facts_become_evidence_and_rejected_ones_never_return_after_retraining(
    environment: dict[str, str], built: Built, serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("review")
    triples = pl.read_parquet(built.dataset / "triples.parquet")
    held_out = set(triples.filter(pl.col("split") == "test").select("head", "relation", "tail").iter_rows())
    told = run("app", "candidates", "--gaps", 40, "--per-gap", 3, **environment)
    assert told.startswith(f"{built.first} predicted 120 facts for 40 gaps; 120 candidates are open.")
    with serve(environment) as (client, _):
        predicted = set(open_candidates(client))
        before = cited(client)
        assert not {fact for _, fact in before} & predicted
        assert {origin for origin, _ in before} == {"stored"}
        assert predicted <= exported(client)
        accepted, rejected = decide_all(client, held_out)
        assert len(accepted) > 10
        assert len(rejected) > 50
        after = cited(client)
        assert {fact for _, fact in after} & accepted
        assert not {fact for _, fact in after} & rejected
        assert {fact for origin, fact in after if origin == "accepted"} & accepted
        assert not offered(client, {fact[:2] for fact in rejected}) & rejected

    dataset, out = home / "dataset", home / "run"
    run("app", "export-dataset", "--out", dataset, **environment)
    written = Dataset.load(dataset)
    assert set(written.rejected.rows()) == rejected
    train = written.triples.filter(pl.col("split") == "train").select("head", "relation", "tail").rows()
    assert accepted <= set(train)
    run("training", "train", "--preset", "sample", "--data", dataset, "--out", out, "--set", "epochs=3", "--threads", 1)
    arguments = ["--checkpoint", out / "checkpoint", "--releases", built.releases, "--id", "reviewed"]
    run("training", "release", "--data", dataset, *arguments)
    run("app", "activate", "reviewed", **environment)
    run("app", "candidates", "--gaps", 40, "--per-gap", 3, **environment)
    with serve(environment) as (client, _):
        again = open_candidates(client)
        assert {each["release"] for each in again.values()} == {"reviewed"}
        assert len(again) > 60
        assert not set(again) & (rejected | accepted)
        assert not offered(client, {fact[:2] for fact in rejected}) & rejected
        assert not exported(client) & (rejected | accepted)
        assert {fact for origin, fact in cited(client) if origin == "accepted"} & accepted
