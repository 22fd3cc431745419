"""Recommendations, the reasons for them, and steering."""

from collections.abc import Sequence
from typing import Literal

from app.client.call import Call, answer, given
from app.client.models.recommend import (
    BatchList,
    Pair,
    PopularList,
    Profile,
    RecommendationList,
    SimilarList,
    Steering,
    WhyNot,
)

Explain = Literal["none", "summary", "full"]
Language = Literal["de", "en"]
Fallback = Literal["none", "popular"]


def recommendations(
    user_id: str,
    *,
    limit: int | None = None,
    exclude_seen: bool | None = None,
    exclude: Sequence[str] = (),
    filter: Sequence[str] = (),
    explain: Explain | None = None,
    lang: Language | None = None,
    fallback: Fallback | None = None,
    diversity: float | None = None,
    cursor: str | None = None,
    release: str | None = None,
) -> Call[RecommendationList]:
    """List the best items that a user has not met yet."""
    params = {
        "limit": limit,
        "exclude_seen": exclude_seen,
        "exclude": exclude,
        "filter": filter,
        "explain": explain,
        "lang": lang,
        "fallback": fallback,
        "diversity": diversity,
        "cursor": cursor,
        "release": release,
    }
    path = "/users/{user_id}/recommendations"
    return Call("GET", path, answer(RecommendationList), {"user_id": user_id}, params)


def recommend(
    *,
    user_id: str | None = None,
    items: Sequence[str] = (),
    limit: int | None = None,
    exclude_seen: bool | None = None,
    exclude: Sequence[str] = (),
    filter: Sequence[str] = (),
    explain: Explain | None = None,
    lang: Language | None = None,
    fallback: Fallback | None = None,
    diversity: float | None = None,
    cursor: str | None = None,
    release: str | None = None,
) -> Call[RecommendationList]:
    """List the best items for an anonymous session that liked `items`, or for a user who likes them as well."""
    body = {
        "user_id": user_id,
        "items": [*items],
        "limit": limit,
        "exclude_seen": exclude_seen,
        "exclude": [*exclude],
        "filter": [*filter],
        "explain": explain,
        "lang": lang,
        "fallback": fallback,
        "diversity": diversity,
        "cursor": cursor,
        "release": release,
    }
    return Call("POST", "/recommendations", answer(RecommendationList), body=given(body))


def recommend_batch(
    user_ids: Sequence[str],
    *,
    limit: int | None = None,
    exclude_seen: bool | None = None,
    exclude: Sequence[str] = (),
    filter: Sequence[str] = (),
    explain: Explain | None = None,
    lang: Language | None = None,
    fallback: Fallback | None = None,
    diversity: float | None = None,
) -> Call[BatchList]:
    """List the best items for each of up to 1,000 users; every result has a status of its own."""
    body = {
        "user_ids": [*user_ids],
        "limit": limit,
        "exclude_seen": exclude_seen,
        "exclude": [*exclude],
        "filter": [*filter],
        "explain": explain,
        "lang": lang,
        "fallback": fallback,
        "diversity": diversity,
    }
    return Call("POST", "/recommendations/batch", answer(BatchList), body=given(body))


def explanation(user_id: str, item_id: str, *, limit: int | None = None, lang: Language | None = None) -> Call[Pair]:
    """Explain in full where an item stands for a user."""
    path = "/users/{user_id}/recommendations/{item_id}/explanation"
    params = {"limit": limit, "lang": lang}
    return Call("GET", path, answer(Pair), {"user_id": user_id, "item_id": item_id}, params)


def why_not(user_id: str, item_id: str, *, limit: int | None = None) -> Call[WhyNot]:
    """Tell why an item is not in a user's list, and the smallest change that would bring it in."""
    path = "/users/{user_id}/why-not/{item_id}"
    return Call("GET", path, answer(WhyNot), {"user_id": user_id, "item_id": item_id}, {"limit": limit})


def preferences(user_id: str) -> Call[Profile]:
    """List a user's preferences by weight, with the history behind each, and what is steered."""
    return Call("GET", "/users/{user_id}/preferences", answer(Profile), {"user_id": user_id})


def steer(user_id: str, relation_id: str, multiplier: float) -> Call[Steering]:
    """Ask for more or less of a relation, 0 to 2; 1 changes nothing. The next call sees it."""
    ids = {"user_id": user_id, "relation_id": relation_id}
    path = "/users/{user_id}/preferences/{relation_id}"
    return Call("PUT", path, answer(Steering), ids, body={"multiplier": multiplier})


def stop_steering(user_id: str, relation_id: str) -> Call[Steering]:
    """Set the multiplier of a relation back to 1."""
    ids = {"user_id": user_id, "relation_id": relation_id}
    return Call("DELETE", "/users/{user_id}/preferences/{relation_id}", answer(Steering), ids)


def popular(
    *, limit: int | None = None, days: int | None = None, filter: Sequence[str] = (), exclude: Sequence[str] = ()
) -> Call[PopularList]:
    """List what most people met, ever or in the last days."""
    params = {"limit": limit, "days": days, "filter": filter, "exclude": exclude}
    return Call("GET", "/items/popular", answer(PopularList), params=params)


def similar(
    item_id: str, *, limit: int | None = None, relation: str | None = None, exclude: Sequence[str] = ()
) -> Call[SimilarList]:
    """List the items nearest to one, or nearest under one preference."""
    params = {"limit": limit, "relation": relation, "exclude": exclude}
    return Call("GET", "/items/{item_id}/similar", answer(SimilarList), {"item_id": item_id}, params)
