"""What a folder of lists says, and what the service says, in one form."""

import hashlib
from pathlib import Path
from typing import Any

import httpx
import polars as pl

from app.lists.folder import LISTS


def lists_of(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Read every list: rank, item, score, relation, share, status, strategy, release."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    table = pl.concat([pl.read_parquet(path) for path in sorted(folder.glob(f"chunk=*/{LISTS}"))])
    columns = ("user_id", "rank", "item_id", "score", "relation", "share", "status", "strategy", "release")
    for user_id, *line in table.select(columns).iter_rows():
        found.setdefault(user_id, []).append(tuple(line))
    return found


async def served(client: httpx.AsyncClient, user_id: str, explain: str = "summary") -> list[tuple[Any, ...]]:
    """Ask the service, and give its list in the same form."""
    answer = (await client.get(f"/users/{user_id}/recommendations", params={"explain": explain})).json()
    return [_line(answer, item) for item in answer["items"]]


def _line(answer: dict[str, Any], item: dict[str, Any]) -> tuple[Any, ...]:
    reason: tuple[Any, ...] = (None, None, None)
    if (explanation := item.get("explanation")) is not None:
        first = explanation["preferences"][0]
        reason = (first["relation_id"], first["share"], explanation["status"])
    return (item["rank"], item["item_id"], item["score"], *reason, answer["strategy"], answer["release"])


def digests(folder: Path) -> dict[str, str]:
    """Name the content of each file of lists."""
    return {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob(f"*/{LISTS}"))
    }
