"""Rolling back, comparing, evaluating, and two releases side by side."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.db.session import Database
from app.services.comparison import compare, figures
from app.services.serving import in_share
from tests.app import world
from tests.app.conftest import Backend, Start, eventually
from tests.app.memory_release import MemoryRelease, MemoryStore

pytestmark = pytest.mark.anyio


def measured(release: MemoryRelease, f1: float, **extra: Any) -> MemoryRelease:
    metrics = {
        "protocol": "strict",
        "split": "test",
        "top_n": 10,
        "recommendation": {"f1": f1, "users": 4},
        "completion": {"hits": 0.5, "calibration": {"candidates": 12, "after": {"brier": 0.1}}},
    }
    audit = {"audit": {"all": {"pairs": 600}}} if f1 == 0.5 else {}
    release.info = replace(release.info, metrics=metrics, extra={"dataset_hash": "d", "seed": 7} | extra | audit)
    return release


@pytest.fixture
def three(release_id: str) -> MemoryStore:
    """Three releases with another best item for u1 each, and one that is broken."""
    a, b, c = (f"{release_id}-{letter}" for letter in "abc")
    return MemoryStore(
        {
            a: measured(world.release(a), 0.25),
            # u1 = 0.4 is at i4 (1.4) by director; u1 = 2 is at i5 (3.0), which is in the history, then at i3 (2.8).
            b: measured(world.release(b, users={"u1": 0.4, "u2": 0.4}), 0.5),
            c: measured(world.release(c, users={"u1": 2.0, "u2": 2.0}), 0.125, dataset_hash="other"),
            "broken": "weights are cut",
        }
    )


async def activate(client: httpx.AsyncClient, release_id: str) -> None:
    answer = await client.post(f"/releases/{release_id}/activate")
    assert answer.status_code == 200, answer.text


async def lists(client: httpx.AsyncClient) -> tuple[str, list[tuple[str, float]]]:
    body = (await client.get("/users/u1/recommendations?limit=9")).json()
    return body["release"], [(item["item_id"], item["score"]) for item in body["items"]]


async def test_a_release_that_is_loaded_answers_whoever_asks_for_it_and_changes_nobodys_list(
    backend: Backend, database: Database, three: MemoryStore, release_id: str, start: Start
) -> None:
    a, b, c = (f"{release_id}-{letter}" for letter in "abc")
    async with start(backend.settings(), three) as client:
        await activate(client, a)
        before = await lists(client)
        refused = await client.get(f"/users/u1/recommendations?release={b}")
        assert (refused.status_code, refused.json()["code"]) == (409, "release_not_loaded")
        assert (await client.post("/releases/ab", json={"b": b, "share": 0})).status_code == 200
        for _ in range(2):  # the second time from the cache
            other = (await client.get(f"/users/u1/recommendations?limit=9&release={b}")).json()
            assert (other["release"], other["items"][0]["item_id"]) == (b, "i4")
            by_body = (await client.post("/recommendations", json={"user_id": "u1", "release": b})).json()
            assert by_body["items"][0]["item_id"] == "i4"
            assert await lists(client) == before
        same = (await client.get(f"/users/u1/recommendations?limit=9&release={a}")).json()
        assert [(item["item_id"], item["score"]) for item in same["items"]] == before[1]
        assert (await client.get(f"/users/u1/recommendations?release={c}")).status_code == 409
        on_disk = (await client.get("/releases")).json()["releases"]
        assert {each["release_id"] for each in on_disk if each["loaded"]} == {a, b}


async def roll_back(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/releases/rollback")


async def test_rolling_back_restores_the_former_output_exactly_and_again_goes_further_back(
    backend: Backend, database: Database, three: MemoryStore, release_id: str, start: Start
) -> None:
    a, b, c = (f"{release_id}-{letter}" for letter in "abc")
    async with start(backend.settings(), three) as client:
        given = {}
        for name in (a, b, c):
            await activate(client, name)
            given[name] = await lists(client)
        assert len({str(output) for output in given.values()}) == 3
        back = await roll_back(client)
        assert back.json() == {"release_id": b, "previous": c}
        assert await lists(client) == given[b]
        assert (await roll_back(client)).json()["release_id"] == a
        assert await lists(client) == given[a]
        nothing = await roll_back(client)
        assert (nothing.status_code, nothing.json()["code"]) == (409, "no_former_release")
        # A release that is activated after a rollback comes back to what it took over from.
        await activate(client, c)
        assert (await roll_back(client)).json() == {"release_id": a, "previous": c}


async def test_activating_the_active_release_again_leaves_something_to_roll_back_to(
    backend: Backend, database: Database, three: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(), three) as client:
        for name in ("a", "b", "b"):
            await activate(client, f"{release_id}-{name}")
        assert (await roll_back(client)).json()["release_id"] == f"{release_id}-a"


async def test_a_former_release_that_is_broken_by_now_is_refused_and_the_active_one_goes_on(
    backend: Backend, database: Database, three: MemoryStore, release_id: str, start: Start
) -> None:
    a, b = f"{release_id}-a", f"{release_id}-b"
    async with start(backend.settings(), three) as client:
        await activate(client, a)
        await activate(client, b)
        three.releases[a] = "the disk rotted"
        refused = await roll_back(client)
        assert (refused.status_code, refused.json()["code"]) == (409, "release_refused")
        assert (await lists(client))[0] == b
        three.releases.pop(a)
        assert (await roll_back(client)).json()["code"] == "unknown_release"


async def test_other_processes_follow_a_rollback(
    backend: Backend, database: Database, three: MemoryStore, release_id: str, start: Start
) -> None:
    a, b = f"{release_id}-a", f"{release_id}-b"
    async with start(backend.settings(), three) as one, start(backend.settings(), three) as other:
        await activate(one, a)
        await activate(one, b)

        async def has(name: str) -> bool:
            return bool((await other.get("/health/ready")).json().get("release") == name)

        await eventually(lambda: has(b))
        await roll_back(one)
        await eventually(lambda: has(a))


async def test_rollbacks_at_the_same_moment_each_go_back_one(
    backend: Backend, database: Database, three: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(), three) as one, start(backend.settings(), three) as other:
        for name in "abc":
            await activate(one, f"{release_id}-{name}")
        answers = await asyncio.gather(roll_back(one), roll_back(other))
        assert sorted(answer.json()["release_id"] for answer in answers) == [f"{release_id}-a", f"{release_id}-b"]
        assert (await roll_back(one)).status_code == 409


async def test_figures_are_held_against_the_active_release_or_another(
    backend: Backend, database: Database, three: MemoryStore, release_id: str, start: Start
) -> None:
    a, b, c = (f"{release_id}-{letter}" for letter in "abc")
    async with start(backend.settings(), three) as client:
        early = await client.get(f"/releases/{b}/diff")
        assert (early.status_code, early.json()["code"]) == (503, "no_active_release")
        await activate(client, a)
        body = (await client.get(f"/releases/{b}/diff")).json()
        assert (body["against"], body["comparable"], body["caveats"]) == (a, True, [])
        assert body["metrics"][3] == {"metric": "recommendation.f1", "release": 0.5, "against": 0.25, "change": 0.25}
        other = (await client.get(f"/releases/{b}/diff?against={c}")).json()
        assert (other["comparable"], other["caveats"]) == (False, ["other_data"])
        unknown = await client.get(f"/releases/{b}/diff?against=nothing")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_release")


def test_a_refit_is_not_comparable_with_what_did_not_learn_from_validation() -> None:
    one = world.release("one").info
    chosen, refit, lists = (
        replace(one, extra={**one.extra, "refit": learnt}) for learnt in (None, "all", "interactions")
    )
    assert compare(refit, chosen).caveats == compare(refit, lists).caveats == ("other_refit",)
    assert compare(refit, refit).caveats == compare(one, chosen).caveats == ()


def test_a_figure_that_is_missing_or_not_finite_makes_no_change() -> None:
    one, other = world.release("one").info, world.release("other").info
    found = compare(replace(one, metrics={"x": float("nan"), "y": 1}), replace(other, metrics={"x": 2.0, "z": 3}))
    assert [(d.metric, d.release, d.against, d.change) for d in found.differences] == [
        ("x", None, 2.0, None),
        ("y", 1.0, None, None),
        ("z", None, 3.0, None),
    ]
    assert figures({"a": {"b": {"c": 1}}, "d": False, "e": "5"}) == {"a.b.c": 1.0}


async def test_the_evaluation_is_that_of_the_active_release(
    backend: Backend, database: Database, three: MemoryStore, release_id: str, start: Start
) -> None:
    async with start(backend.settings(), three) as client:
        early = await client.get("/evaluation")
        assert (early.status_code, early.json()["code"]) == (503, "no_active_release")
        assert int(early.headers["retry-after"]) > 0
        await activate(client, f"{release_id}-b")
        body = (await client.get("/evaluation")).json()
    assert body == {
        "release_id": f"{release_id}-b",
        "created_at": "2026-01-01T00:00:00Z",
        "model": "ktup-hard",
        "dataset": "world",
        "dataset_hash": "d",
        "protocol": "strict",
        "split": "test",
        "top_n": 10,
        "seed": 7,
        "recommendation": {"f1": 0.5, "users": 4.0},
        "most_popular": None,
        "completion": {"hits": 0.5},
        "calibration": {"candidates": 12, "after": {"brier": 0.1}},
        "reasons": {"all": {"pairs": 600}},
    }


async def test_an_experiment_answers_each_user_by_one_release_in_every_process(
    backend: Backend, database: Database, three: MemoryStore, release_id: str, start: Start
) -> None:
    a, b = f"{release_id}-a", f"{release_id}-b"
    people = [user for user in world.USERS if user in ("u1", "u2", "all", "a", "a:b", "x+y")]
    async with start(backend.settings(), three) as one, start(backend.settings(), three) as other:
        await activate(one, a)
        begun = await one.post("/releases/ab", json={"b": b, "share": 0.5})
        assert begun.status_code == 200, begun.text
        experiment = begun.json()
        assert (experiment["a"], experiment["b"], experiment["share"], experiment["ended_at"]) == (a, b, 0.5, None)

        async def follows() -> bool:
            told = (await other.get("/releases/ab")).json().get("experiment_id")
            return bool(told == experiment["experiment_id"])

        await eventually(follows)
        for client in (one, other):
            for user in people:
                told = (await client.get(f"/users/{user}/recommendations")).json()["release"]
                expected = b if in_share(experiment["experiment_id"], user, 0.5) else a
                assert told == expected, user
                assert (await client.get(f"/users/{user}/preferences")).json()["release"] == expected
        many = await one.post("/recommendations/batch", json={"user_ids": people})
        told = [result["recommendations"]["release"] for result in many.json()["results"]]
        assert told == [b if in_share(experiment["experiment_id"], user, 0.5) else a for user in people]
        # Completion is about nobody: the active release answers.
        assert (await one.get("/kg/complete?head=f1&relation=director")).json()["release"] == a
        ended = (await one.delete("/releases/ab")).json()
        assert ended["ended_at"] is not None
        assert {(await one.get(f"/users/{user}/recommendations")).json()["release"] for user in people} == {a}
        gone = await one.get("/releases/ab")
        assert (gone.status_code, gone.json()["code"]) == (404, "no_experiment")
        assert (await one.delete("/releases/ab")).status_code == 404


@pytest.mark.parametrize("share", [0, 1])
async def test_a_share_of_nobody_and_of_everybody_are_just_that(
    backend: Backend, database: Database, three: MemoryStore, release_id: str, start: Start, share: int
) -> None:
    a, b = f"{release_id}-a", f"{release_id}-b"
    async with start(backend.settings(), three) as client:
        await client.post("/releases/ab", json={"a": a, "b": b, "share": share})
        for user in ("u1", "u2"):
            assert (await client.get(f"/users/{user}/recommendations")).json()["release"] == (a, b)[share]


async def test_activating_and_rolling_back_end_an_experiment(
    backend: Backend, database: Database, three: MemoryStore, release_id: str, start: Start
) -> None:
    a, b, c = (f"{release_id}-{letter}" for letter in "abc")
    async with start(backend.settings(), three) as client:
        await activate(client, c)
        await client.post("/releases/ab", json={"a": a, "b": b, "share": 1})
        assert (await lists(client))[0] == b
        # `a` was made active by the experiment, in the place of c.
        assert (await roll_back(client)).json() == {"release_id": c, "previous": a}
        assert (await client.get("/releases/ab")).status_code == 404
        await client.post("/releases/ab", json={"b": b, "share": 1})
        await activate(client, a)
        assert (await lists(client))[0] == a
        assert (await client.get("/releases/ab")).status_code == 404


async def test_an_experiment_with_a_broken_release_changes_nothing(
    backend: Backend, database: Database, three: MemoryStore, release_id: str, start: Start
) -> None:
    a, b = f"{release_id}-a", f"{release_id}-b"
    async with start(backend.settings(), three) as client:
        none = await client.post("/releases/ab", json={"b": b, "share": 0.5})
        assert (none.status_code, none.json()["code"]) == (503, "no_active_release")
        await client.post("/releases/ab", json={"a": a, "b": b, "share": 1})
        refused = await client.post("/releases/ab", json={"a": "broken", "b": b, "share": 0.5})
        assert (refused.status_code, refused.json()["code"]) == (409, "release_refused")
        assert (await client.get("/releases/ab")).json()["share"] == 1
        assert (await lists(client))[0] == b
        for wrong in ({"a": a, "b": a, "share": 0.5}, {"b": b, "share": 1.5}, {"b": b}, {"b": b, "share": 0, "x": 1}):
            assert (await client.post("/releases/ab", json=wrong)).status_code == 422, wrong


async def test_an_experiment_of_a_release_against_itself_is_refused_whether_a_is_named_or_left_out(
    backend: Backend, database: Database, three: MemoryStore, release_id: str, start: Start
) -> None:
    a = f"{release_id}-a"
    async with start(backend.settings(), three) as client:
        await activate(client, a)
        for order in ({"b": a, "share": 0.5}, {"a": None, "b": a, "share": 0.5}, {"a": a, "b": a, "share": 0.5}):
            refused = await client.post("/releases/ab", json=order)
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid_query"), order
            assert [error["field"] for error in refused.json()["errors"]] == ["a", "b"]
        assert (await client.get("/releases/ab")).status_code == 404


def test_users_are_dealt_by_share_alike_for_ever_and_anew_in_each_experiment() -> None:
    users = [f"u{number}" for number in range(20_000)]
    first = [in_share("one", user, 0.3) for user in users]
    second = [in_share("two", user, 0.3) for user in users]
    # The share of 20,000 users: a standard deviation is 0.0032, so four of them.
    assert abs(sum(first) / len(users) - 0.3) < 0.013
    both = Counter(zip(first, second, strict=True))[True, True] / len(users)
    assert abs(both - 0.09) < 0.008
    # 0.868, 0.751, 0.187, 0.076 by BLAKE2b: the same on every machine, in every version.
    assert [in_share("e", user, 0.5) for user in ("a", "b", "c", "d")] == [False, False, True, True]
    assert all(in_share("one", user, 0.6) for user, inside in zip(users, first, strict=True) if inside)
