"""Asks a running service both questions over HTTP and holds the answers against what its database keeps.

    psql … | python3 answers.py URL TRIPLES

The standard input is one JSON object of what is stored: `history`, pairs of user and item; `items`, pairs of item and
entity; `facts`, triples.
TRIPLES is the CSV file of triples that the data set was made from: what it has and the store lacks was held out.
Only the standard library, so that it runs wherever Docker does. Exit code 1 with the first claim that is false.
"""

import csv
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Fact = tuple[str, str, str]

USERS, TOP_N, TIMEOUT_SECONDS = 10, 10, 30
RELATION = "director"


class ClaimFailed(Exception):
    """An answer is not as it should be."""


@dataclass(frozen=True)
class Store:
    """What the database keeps: each user's items, each item's entity, and the facts."""

    seen: Mapping[str, set[str]]
    entities: Mapping[str, str | None]
    facts: set[Fact]

    @classmethod
    def of(cls, tables: Mapping[str, Any]) -> "Store":
        """Read the JSON that PostgreSQL wrote."""
        claim(all(tables.values()), f"empty tables: {[name for name, rows in tables.items() if not rows]}")
        seen: dict[str, set[str]] = defaultdict(set)
        for user_id, item_id in tables["history"]:
            seen[user_id].add(item_id)
        return cls(seen, dict(tables["items"]), {(head, relation, tail) for head, relation, tail in tables["facts"]})

    def about(self, item_id: str) -> set[tuple[str, str]]:
        """Give relation and tail of every fact about an item."""
        return {(relation, tail) for head, relation, tail in self.facts if head == self.entities[item_id]}


def claim(holds: bool, text: str) -> None:
    """Stop with `text` unless it holds."""
    if not holds:
        raise ClaimFailed(text)


def ask(url: str, path: str, parameters: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """GET a path; returns the status and the JSON body, of errors too."""
    query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
    try:
        with urllib.request.urlopen(f"{url}{path}{query}", timeout=TIMEOUT_SECONDS) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def check_recommendations(url: str, user_id: str, store: Store) -> Any:
    """Check one user's list; returns its items."""
    path = f"/users/{urllib.parse.quote(user_id, safe='')}/recommendations"
    status, body = ask(url, path, {"explain": "summary"})
    claim(status == 200, f"{path}: {status} {body}")
    items, seen = body["items"], store.seen[user_id]
    ids = [item["item_id"] for item in items]
    claim(len(set(ids)) == TOP_N, f"{user_id}: {TOP_N} different items expected, got {ids}")
    claim(not seen & set(ids), f"{user_id}: seen items are recommended: {sorted(seen & set(ids))}")
    scores = [item["score"] for item in items]
    claim(scores == sorted(scores, reverse=True), f"{user_id}: not best first: {scores}")
    for item in items:
        check_explanation(item["item_id"], item["explanation"], seen, store)
    return items


def check_explanation(item_id: str, explanation: Any, seen: set[str], store: Store) -> None:
    """Check that a reason has a relation and cites stored facts, and has none only where the store has none."""
    claim(explanation is not None, f"{item_id}: no explanation")
    claim(len(explanation["preferences"]) > 0, f"{item_id}: no relation")
    if not explanation["evidence"]:
        overlooked = store.about(item_id) & {about for other in seen for about in store.about(other)}
        claim(not overlooked, f"{item_id}: no facts, yet the history shares {sorted(overlooked)}")
        claim(explanation["status"] == "model_only", f"{item_id}: called grounded without a fact")
    for evidence in explanation["evidence"]:
        claim(evidence["history_item"] in seen, f"{item_id}: {evidence['history_item']} is not in the history")
        cited = [tuple(fact) for fact in evidence["facts"]]
        claim(len(cited) > 0, f"{item_id}: a tie without facts")
        claim(store.facts.issuperset(cited), f"{item_id}: facts that are not stored: {set(cited) - store.facts}")


def check_users(url: str, store: Store) -> Iterator[str]:
    """Check users from all over the list; gives a line for each."""
    users = sorted(store.seen)[:: max(1, len(store.seen) // USERS)][:USERS]
    claim(len(users) == USERS, f"{USERS} users with a history expected, got {users}")
    whole = 0
    for user_id in users:
        items = check_recommendations(url, user_id, store)
        with_facts = sum(len(item["explanation"]["evidence"]) > 0 for item in items)
        whole += with_facts == TOP_N
        first = items[0]
        yield f"{user_id}: {with_facts} of {TOP_N} with facts. {first['title']}: {first['explanation']['text']}"
    claim(whole > USERS // 2, f"only {whole} of {USERS} users have facts for all of their {TOP_N} items")


def held_out(triples: Path, facts: set[Fact]) -> dict[str, set[str]]:
    """Give the true tails of `RELATION` that the store does not have, by head."""
    tails: dict[str, set[str]] = defaultdict(set)
    with triples.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["relation"] == RELATION and (row["head"], RELATION, row["tail"]) not in facts:
                tails[row["head"]].add(row["tail"])
    return tails


def rank_of_truth(url: str, head: str, tails: set[str], facts: set[Fact]) -> int | None:
    """Ask who may be the director; returns the best rank of a true one among the candidates, None if none is there."""
    status, body = ask(url, "/kg/complete", {"head": head, "relation": RELATION})
    claim(status == 200, f"/kg/complete of {head}: {status} {body}")
    candidates = body["candidates"]
    claim([c["rank"] for c in candidates] == list(range(1, TOP_N + 1)), f"{head}: {TOP_N} candidates expected")
    stored = [c["entity_id"] for c in candidates if (head, RELATION, c["entity_id"]) in facts]
    claim(not stored, f"{head}: stored facts among the candidates: {stored}")
    return min((c["rank"] for c in candidates if c["entity_id"] in tails), default=None)


def check_completions(url: str, tails: Mapping[str, set[str]], facts: set[Fact]) -> str:
    """Check that held-out directors are found; returns what to print."""
    claim(len(tails) > 0, f"no held-out fact of {RELATION} to ask for")
    ranks = {head: rank_of_truth(url, head, true, facts) for head, true in sorted(tails.items())}
    found = [rank for rank in ranks.values() if rank is not None]
    text = f"held-out directors among the first {TOP_N}: {len(found)} of {len(ranks)}; first: {found.count(1)}"
    # The sample has about 40 directors to choose from: chance finds a quarter.
    claim(len(found) >= len(ranks) * 0.6, text)
    return text


def check(url: str, store: Store, triples: Path) -> Iterator[str]:
    """Check both calls and one mistake; gives a line for each."""
    yield from check_users(url, store)
    yield check_completions(url, held_out(triples, store.facts), store.facts)
    status, body = ask(url, "/users/nobody-of-this-name/recommendations")
    claim((status, body.get("code")) == (404, "unknown_user"), f"an unknown user: {status} {body}")
    yield "an unknown user: 404"


def main() -> None:
    """Read the store from standard input and check the service of the command line."""
    url, triples = sys.argv[1], Path(sys.argv[2])
    try:
        for line in check(url, Store.of(json.load(sys.stdin)), triples):
            sys.stdout.write(line + "\n")
    except (ClaimFailed, OSError) as error:
        sys.exit(f"FAILED: {error}")


if __name__ == "__main__":
    main()
