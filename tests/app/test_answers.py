"""One computation a key at a time; errors and incomplete answers are never kept."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache import ProcessCache
from app.services.answers import Answer, Answers, key_of

pytestmark = pytest.mark.anyio


class Computation:
    """Counts its runs, and waits until it may end."""

    def __init__(self, answer: Answer | Exception | None = None) -> None:
        self.answer = answer or Answer(b"body", True)
        self.runs = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> Answer:
        self.runs += 1
        await self.may_end.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
async def answers() -> Answers:
    return Answers(ProcessCache(1_000_000), 60)


async def ask(answers: Answers, compute: Callable[[], Awaitable[Answer]], n: int) -> list[asyncio.Task[bytes]]:
    tasks = [asyncio.create_task(answers.get({"user": "u"}, compute)) for _ in range(n)]
    await asyncio.sleep(0.01)
    return tasks


async def test_c112_two_hundred_who_ask_the_same_share_one_computation(answers: Answers) -> None:
    compute = Computation()
    tasks = await ask(answers, compute, 200)
    compute.may_end.set()
    assert await asyncio.gather(*tasks) == [b"body"] * 200
    assert compute.runs == 1


async def test_a_caller_who_goes_away_takes_nothing_from_the_others(answers: Answers) -> None:
    compute = Computation()
    leader, *followers = await ask(answers, compute, 3)
    leader.cancel()
    await asyncio.sleep(0)
    compute.may_end.set()
    assert await asyncio.gather(*followers) == [b"body"] * 2
    assert leader.cancelled()
    assert compute.runs == 1


async def test_c111_an_error_reaches_everyone_who_waits_and_is_not_kept(answers: Answers) -> None:
    broken = Computation(RuntimeError("away"))
    tasks = await ask(answers, broken, 3)
    broken.may_end.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(result) for result in results] == ["away"] * 3
    whole = Computation()
    whole.may_end.set()
    assert await answers.get({"user": "u"}, whole) == b"body"


async def test_c111_an_incomplete_answer_is_given_but_not_stored(answers: Answers) -> None:
    for runs in (1, 2):
        compute = Computation(Answer(b"partial", False))
        compute.may_end.set()
        assert await answers.get({"user": "u"}, compute) == b"partial"
        assert compute.runs == 1, runs


async def test_times_to_live_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ProcessCache(1_000_000)
    seen: list[int] = []

    async def remember(_key: str, _value: bytes, ttl_seconds: int) -> None:
        seen.append(ttl_seconds)

    monkeypatch.setattr(cache, "set", remember)
    answers = Answers(cache, 300)
    for n in range(100):
        compute = Computation()
        compute.may_end.set()
        await answers.get({"n": n}, compute)
    assert 270 <= min(seen) < max(seen) <= 330


_parts = st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.text()))


@given(_parts, _parts)
def test_c113_different_questions_have_different_keys(one: dict[str, object], other: dict[str, object]) -> None:
    assert (key_of(one) == key_of(other)) is (one == other)
