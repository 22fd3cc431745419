"""Answers are compared by all that they say, but for what each computed list has of its own."""

from benchmarks.answering import comparable, spread


def test_only_a_lists_own_id_and_cursor_are_left_out_of_a_comparison() -> None:
    one = comparable(b'{"recommendation_id":"a-1","user_id":"u","items":[{"score":-0.5}],"next_cursor":"xx"}')
    assert one == comparable(b'{"recommendation_id":"b-2","user_id":"u","items":[{"score":-0.5}],"next_cursor":"yy"}')
    assert one != comparable(b'{"recommendation_id":"a-1","user_id":"u","items":[{"score":-0.6}],"next_cursor":"xx"}')
    # Whether there is a next page is compared.
    assert one != comparable(b'{"recommendation_id":"a-1","user_id":"u","items":[{"score":-0.5}],"next_cursor":null}')


def test_users_lie_evenly_apart_each_once() -> None:
    assert spread(["a", "b", "c", "d", "e", "f"], 3) == ["a", "c", "e"]
    assert spread(["a", "b"], 5) == ["a", "b"]
