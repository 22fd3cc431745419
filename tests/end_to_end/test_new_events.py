"""What people of a release do while it serves moves their lists there and then."""

import httpx
import polars as pl

from tests.end_to_end.conftest import Built, Serve
from tests.end_to_end.test_raw_files_to_http import environment, stored

__all__ = ["environment"]
GENRES = ("genre-crime", "genre-thriller", "genre-comedy", "genre-science-fiction")
LIKED = 5


def listed(client: httpx.Client, user: str, exclude: list[str]) -> list[tuple[str, float]]:
    answer = client.get(f"/users/{user}/recommendations", params={"limit": 20, "exclude": exclude})
    assert answer.status_code == 200, answer.text
    assert answer.json()["strategy"] == "personalized"
    return [(item["item_id"], item["score"]) for item in answer.json()["items"]]


def test_several_new_events_of_one_genre_move_known_users_towards_it_and_nobody_else(
    environment: dict[str, str], built: Built, serve: Serve
) -> None:
    links = {entity: item for item, entity in pl.read_parquet(built.dataset / "links.parquet").iter_rows()}
    facts = pl.read_parquet(built.dataset / "triples.parquet").filter(pl.col("relation") == "genre")
    films = {g: [links[h] for h in facts.filter(pl.col("tail") == g)["head"] if h in links] for g in GENRES}
    history = stored(built, "interactions")
    with serve({**environment, "KTUP_RATE_LIMIT": "100000/second"}) as (client, _):
        bystander = listed(client, "u400", [])
        rose = fell = n_before = n_after = 0
        for number in range(1, 41):
            user, genre = f"u{number:03}", GENRES[number % len(GENRES)]
            met = set(history.filter(pl.col("user_id") == user)["item_id"])
            liked = [film for film in films[genre] if film not in met][:LIKED]
            before = listed(client, user, liked)
            # A view of before the release, come late, is no news: the list stays as it is, score by score.
            seen = sorted(met)[0]
            old = [{"event_id": f"old {user}", "user_id": user, "item_id": seen, "type": "view", "ts": 1}]
            assert client.post("/events", json=old).is_success
            assert listed(client, user, liked) == before
            events = [
                {"event_id": f"{user} {film}", "user_id": user, "item_id": film, "type": "like"} for film in liked
            ]
            assert client.post("/events", json=events).is_success
            counts = [sum(item in films[genre] for item, _ in items) for items in (before, listed(client, user, liked))]
            n_before, n_after = n_before + counts[0], n_after + counts[1]
            rose, fell = rose + (counts[1] > counts[0]), fell + (counts[1] < counts[0])
        assert n_after > n_before
        assert rose > fell, (rose, fell, n_before, n_after)
        assert listed(client, "u400", []) == bystander
