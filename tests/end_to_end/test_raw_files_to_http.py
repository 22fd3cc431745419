"""The product's main job, with real parts: raw files on disk → an explained recommendation over HTTP."""

import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest

from models.release import load_release
from tests.end_to_end.conftest import Built, Serve, run

BACKENDS = ["sqlite", "postgresql"]


@pytest.fixture(params=BACKENDS)
def environment(request: pytest.FixtureRequest, built: Built, empty_database: Callable[[str], str]) -> dict[str, str]:
    """A migrated database with the sample's train and valid splits, the first release active, and a cache."""
    values = {"KTUP_DATABASE_URL": empty_database(request.param), "KTUP_RELEASES_DIR": str(built.releases)}
    if request.param == "postgresql":
        values["KTUP_REDIS_URL"] = request.getfixturevalue("redis_url")
    run("app", "migrate", **values)
    run("app", "import", built.dataset, "--splits", "train,valid", **values)
    run("app", "activate", built.first, **values)
    return values


def stored(built: Built, table: str) -> pl.DataFrame:
    """The rows of a table that were imported."""
    return pl.read_parquet(built.dataset / f"{table}.parquet").filter(pl.col("split") != "test")


def test_an_explained_recommendation_and_a_held_out_fact_over_http(
    environment: dict[str, str], built: Built, serve: Serve
) -> None:
    facts = set(stored(built, "triples").select("head", "relation", "tail").iter_rows())
    history = stored(built, "interactions")
    with serve(environment) as (client, process):
        for user in ("u001", "u002", "u400"):
            seen = set(history.filter(pl.col("user_id") == user)["item_id"])
            check_recommendations(client, user, seen, facts, built)
        check_held_out_facts(client, built)
        check_probabilities(client, built)
        check_trouble(client)
        check_hot_swap(client, built)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def check_recommendations(
    client: httpx.Client, user: str, seen: set[str], facts: set[tuple[str, ...]], built: Built
) -> None:
    answer = client.get(f"/users/{user}/recommendations", params={"explain": "summary"})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["strategy"], body["release"], body["degraded"]) == ("personalized", built.first, [])
    items = [item["item_id"] for item in body["items"]]
    assert len(set(items)) == 10
    assert not set(items) & seen
    assert items == offline_top_ten(built, user, seen)
    scores = [item["score"] for item in body["items"]]
    assert scores == sorted(scores, reverse=True)
    for item in body["items"]:
        explanation = item["explanation"]
        assert explanation["preferences"][0]["relation_id"]
        assert bool(explanation["evidence"]) == is_tied(item["item_id"], seen, facts)
        for evidence in explanation["evidence"]:
            assert evidence["history_item"] in seen
            assert {tuple(fact) for fact in evidence["facts"]} <= facts
    assert client.get(f"/users/{user}/recommendations", params={"explain": "summary"}).json()["items"] == body["items"]


def is_tied(item: str, seen: set[str], facts: set[tuple[str, ...]]) -> bool:
    """Whether a stored fact joins a film to one of the history: same relation and other end, or one fact of both."""
    ends = {(relation, tail) for head, relation, tail in facts if head == item}
    shared = any((relation, tail) in ends for head, relation, tail in facts if head in seen)
    return shared or any({head, tail} <= {item, *seen} and item in (head, tail) for head, _, tail in facts)


def offline_top_ten(built: Built, user: str, seen: set[str]) -> list[str]:
    """Rank every item with the model, without index, service or cache."""
    release = load_release(built.releases / built.first)
    items = release.checkpoint.vocabularies["items"]
    excluded = np.unique(items.rows(sorted(seen)))
    row = release.checkpoint.vocabularies["users"].row(user)
    return [items.id(int(k)) for k in release.searcher.brute_force(row, 10, excluded).rows]


def check_held_out_facts(client: httpx.Client, built: Built) -> None:
    triples = pl.read_parquet(built.dataset / "triples.parquet").filter(pl.col("relation") == "director")
    known = set(triples.filter(pl.col("split") == "train")["tail"])
    held_out = [row for row in triples.filter(pl.col("split") == "test").iter_rows() if row[2] in known]
    found = 0
    for head, relation, tail, _ in held_out:
        answer = client.get("/kg/complete", params={"head": head, "relation": relation, "limit": 10})
        candidates = answer.json()["candidates"]
        assert not any(candidate["known"] for candidate in candidates)
        found += tail in [candidate["entity_id"] for candidate in candidates]
    assert len(held_out) > 30
    assert found / len(held_out) > 0.5  # 10 of 43 directors by chance: 0.23


def check_probabilities(client: httpx.Client, built: Built) -> None:
    """Candidates have probabilities of their own, in the order of the scores; facts do better than the rest."""
    held_out = pl.read_parquet(built.dataset / "triples.parquet").filter(pl.col("split") == "test").head(60)
    facts, others = list[float](), list[float]()
    for head, relation, tail, _ in held_out.iter_rows():
        asked = {"head": head, "relation": relation, "limit": 20}
        candidates = client.get("/kg/complete", params=asked).json()["candidates"]
        found = [candidate["probability"] for candidate in candidates]
        assert found == sorted(found, reverse=True)
        assert len(set(found)) > 1
        assert all(0 <= probability <= 1 for probability in found)
        for candidate in candidates:
            (facts if candidate["entity_id"] == tail else others).append(candidate["probability"])
    assert len(facts) > 10
    assert sum(facts) / len(facts) > 2 * sum(others) / len(others)
    figures = next(r for r in client.get("/releases").json()["releases"] if r["release_id"] == built.first)["metrics"]
    calibration = figures["completion"]["calibration"]
    errors = [calibration[when]["expected_calibration_error"] for when in ("after", "before")]
    assert errors[0] < errors[1] / 2


def check_trouble(client: httpx.Client) -> None:
    unknown = client.get("/users/nobody/recommendations")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_user")
    popular = client.get("/users/nobody/recommendations", params={"fallback": "popular"}).json()
    assert (popular["strategy"], len(popular["items"])) == ("popular", 10)
    assert client.get("/kg/complete", params={"head": "alien-1979", "relation": "nobody"}).status_code == 404
    assert client.get("/kg/complete", params={"head": "alien-1979"}).status_code == 422
    assert client.get("/users/u001/recommendations", params={"limit": 0}).status_code == 422


def check_hot_swap(client: httpx.Client, built: Built) -> None:
    before = client.get("/users/u001/recommendations").json()
    assert client.post(f"/releases/{built.second}/activate").status_code == 200
    after = client.get("/users/u001/recommendations").json()
    assert (before["release"], after["release"]) == (built.first, built.second)
    assert before["items"] != after["items"]
    assert client.post(f"/releases/{built.first}/activate").status_code == 200
    again = client.get("/users/u001/recommendations").json()
    assert again["items"] == before["items"]


def test_a_cut_release_is_refused_while_the_old_one_serves(
    environment: dict[str, str], built: Built, serve: Serve, tmp_path: Path
) -> None:
    import shutil

    releases = tmp_path / "releases"
    shutil.copytree(built.releases, releases)
    weights = releases / built.second / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with serve({**environment, "KTUP_RELEASES_DIR": str(releases)}) as (client, _):
        refused = client.post(f"/releases/{built.second}/activate")
        assert refused.status_code == 409
        assert "weights.safetensors" in refused.json()["detail"]
        assert client.get("/users/u001/recommendations").json()["release"] == built.first


def test_the_papers_layout_goes_the_whole_way_even_as_a_toy(tmp_path: Path) -> None:
    toy = Path(__file__).parents[1] / "cases" / "files" / "ktup" / "toy"
    dataset, out, releases = tmp_path / "dataset", tmp_path / "run", tmp_path / "releases"
    run("training", "convert", "--format", "ktup", toy, dataset)
    run("training", "train", "--preset", "sample", "--data", dataset, "--out", out, "--set", "epochs=2")
    run("training", "release", "--data", dataset, "--checkpoint", out / "checkpoint", "--releases", releases)
    (release,) = releases.iterdir()
    loaded = load_release(release)
    nothing = np.empty(0, np.int64)
    assert len(loaded.searcher.search(0, 10, nothing).rows) == len(loaded.checkpoint.vocabularies["items"]) == 4
