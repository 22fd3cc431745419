"""Which relation stands first for a person: how they are spread, and whether it is the one that was planted."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.explanation.profile import preference_profile
from training.audit.pairs import TOP_N, Examiner
from training.data.errors import DatasetError

MOST = 1_000
"""People whose first relation is looked at; of more, as many are drawn."""
PLANTED_COLUMNS = ("user_id", "relation_id")


def read_planted(path: Path) -> dict[str, str]:
    """Read which relation was planted in whom: a CSV file with the columns user_id and relation_id.

    Raises:
        DatasetError: it is no UTF-8 or no CSV, a column is missing, a row is short, or a user is named twice.
    """
    planted: dict[str, str] = {}
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    try:
        if not set(PLANTED_COLUMNS) <= set(reader.fieldnames or ()):
            raise DatasetError(f"{path}:1: expected the columns {' and '.join(PLANTED_COLUMNS)}")
        for row in reader:
            user, relation = (row[name] for name in PLANTED_COLUMNS)
            if not user or not relation:
                raise DatasetError(f"{path}:{reader.line_num}: expected a user_id and a relation_id")
            if user in planted:
                raise DatasetError(f"{path}:{reader.line_num}: user_id {user!r} stands there before")
            planted[user] = relation
    except csv.Error as error:  # of the line after those that were read
        raise DatasetError(f"{path}:{reader.line_num + 1}: {error}") from None
    return planted


def _text(path: Path) -> str:
    """Read UTF-8, with the mark that programs of Windows put before it or without; decoded whole, to name the line."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + error.object[: error.start].count(b"\n")
        raise DatasetError(f"{path}:{line}: expected UTF-8, found the byte {error.object[error.start]:#04x}") from None


def first_relations(examiner: Examiner, generator: np.random.Generator) -> dict[int, int]:
    """Give the preference with the largest share over the history of each of up to MOST people, by user row."""
    users = [user for user in range(len(examiner.dataset.users)) if len(examiner.seen[user])]
    chosen = sorted(generator.permutation(users)[:MOST].tolist())
    return {user: first_relation(examiner, user) for user in chosen}


def first_relation(examiner: Examiner, user: int) -> int:
    """Give the preference that `GET /users/{id}/preferences` tells first, for a user with a history."""
    return preference_profile(examiner.catalogue, examiner.vector(user), examiner.seen[user])[0].preference


def relations_of_list(examiner: Examiner, user: int) -> NDArray[np.int64]:
    """Give how often each preference is the named one in the first ten of a user; (P,)."""
    ranking = examiner.release.searcher.search(user, TOP_N, examiner.seen[user])
    weights = examiner.catalogue.weights(examiner.vector(user))[ranking.rows]
    return np.bincount(weights.abs().argmax(1).numpy(), minlength=weights.shape[1])


def planted_truth(examiner: Examiner, planted: Mapping[str, str]) -> dict[str, float | int]:
    """Hold what is named against what was planted, for everybody whom the release knows and who has a history.

    `profile` is the share of people whose first relation is the planted one, `lists` the share for whom the planted one
    is named most often in their first ten, `pairs` the share of all those items.
    """
    relations, users = examiner.dataset.relations, examiner.dataset.users
    rows = {
        row: relation
        for user, relation in planted.items()
        if (row := users.get(user)) is not None and len(examiner.seen[row])
    }
    profile, lists, pairs, items = 0, 0, 0, 0
    for user, relation in rows.items():
        row, named = relations.get(relation), relations_of_list(examiner, user)
        profile += first_relation(examiner, user) == row
        lists += bool(named.any()) and int(named.argmax()) == row  # who met everything has no list
        pairs += int(named[row]) if row is not None and row < len(named) else 0
        items += int(named.sum())
    n = max(1, len(rows))
    return {"people": len(rows), "profile": profile / n, "lists": lists / n, "pairs": pairs / max(1, items)}
