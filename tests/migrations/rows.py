"""What each revision brought, as rows: every new table and column has some, with the most awkward values it allows."""

from datetime import UTC, datetime
from typing import Any

Row = tuple[str, dict[str, Any]]
THEN = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)
MINE = {"tenant_id": 1}
ODD = "a/b 中文 'x' \U0001f3ac"

FIRST: list[Row] = [
    ("users", {"user_id": ODD, "history_version": 3, "created_at": THEN}),
    ("users", {"user_id": "", "history_version": 0, "created_at": THEN}),
    ("entities", {"entity_id": "e1", "label": ODD}),
    ("entities", {"entity_id": "e2", "label": None}),
    ("relations", {"relation_id": "r", "label": "r"}),
    ("items", {"item_id": "i1", "title": ODD, "entity_id": "e1"}),
    ("items", {"item_id": "i2", "title": None, "entity_id": None}),
    ("facts", {"id": 1, "head": "e1", "relation": "r", "tail": "e2", "origin": "accepted"}),
    ("facts", {"id": 2, "head": "e2", "relation": "r", "tail": "e1", "origin": "stored"}),
    ("interactions", {"user_id": ODD, "item_id": "i1", "value": 0.1, "timestamp": 2**40}),
    ("interactions", {"user_id": ODD, "item_id": "i2", "value": None, "timestamp": None}),
    ("stamps", {"name": "graph", "value": 2**40}),
    ("releases", {"release_id": "r1", "is_active": True, "problem": None, "activated_at": THEN}),
    ("releases", {"release_id": "r2", "is_active": False, "problem": "cut", "activated_at": None}),
]
KEY = {"key_id": "k", "name": ODD, "secret_hash": b"\x00\xff", "scopes": "read write", "rate_limit": None}
EVENT = {"user_id": ODD, "item_id": "i2", "type": "rating", "value": -0.5, "ts": 7, "recommendation_id": None}
CANDIDATE = {"head": "e2", "relation": "r", "tail": "e2", "release_id": "r1", "score": -1e-300, "n_users": 0}
DECISION = {"state": "rejected", "decided_by": ODD, "reason": None, "decided_at": THEN, "probability": None}
JOB = {"data": "database", "cause": "call", "request": {"preset": ODD}, "state": "running", "cancel_requested": False}
JOB |= {"attempts": 1, "claim": "secret", "lease_until": 1.5, "events": 2**40, "created_at": THEN}

ADDED: dict[str, list[Row]] = {
    "0001": FIRST,
    "0002": [("api_keys", {**MINE, **KEY, "created_at": THEN, "revoked_at": None})],
    "0003": [("events", {**MINE, "event_id": ODD, **EVENT})],
    "0004": [("candidates", {**MINE, "id": 5, **CANDIDATE, **DECISION})],
    "0005": [("steerings", {**MINE, "user_id": ODD, "relation_id": "r", "multiplier": 2.0})],
    "0006": [
        ("activations", {**MINE, "id": 9, "release_id": "r1", "former": None, "activated_at": THEN}),
        (
            "experiments",
            {**MINE, "experiment_id": "x", "release_a": "r1", "release_b": "r2", "share": 0.1, "started_at": THEN},
        ),
        ("training_jobs", {**MINE, "job_id": "j", **JOB}),
        (
            "served_lists",
            {**MINE, "recommendation_id": "l", "user_key": "", "release_id": "r1", "strategy": "popular"}
            | {"items": ["i1", ODD], "n_items": 2, "served_at": THEN},
        ),
    ],
    "0007": [("items", {**MINE, "item_id": "i3", "title": None, "entity_id": "e1", "added_at": THEN})],
    "0008": [("facts", {**MINE, "id": 7, "head": "e1", "relation": "r", "tail": "e1", "origin": "accepted"})],
    "0009": [("erased_users", {**MINE, "user_key": ODD, "erased_at": 1.5})],
}
