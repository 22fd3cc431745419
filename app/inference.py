"""A release as the ports see it: external ids outside, rows inside. The one file of the service that knows torch.

Serving scores in float64 on one thread: requests run side by side in the service's own threads, and float64 makes the
order of two items independent of how many were scored together.
"""

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from app.errors import NotInRelease, ReleaseRefused, UnknownRelease
from app.inference_new_items import Placing, ReleaseWithNewItems
from app.inference_people import People
from app.inference_rows import known_rows, preference_weights, scored_items
from app.ports import (
    Attribution,
    CompletionQuery,
    Fact,
    LoadedRelease,
    ReleaseInfo,
    ScoredCandidate,
    ScoredItem,
    Tie,
    UserVectors,
)
from app.tenancy import current_tenant, releases_of
from app.vector_engine.configured import EngineChoice, name_of, through_engine
from app.vector_engine.index import EngineIndex
from models.checkpoint import CheckpointError
from models.explanation.attribution import attribute_pairs
from models.explanation.evidence import rank_ties
from models.release import RELEASE_ID, Release, load_release, read_release_manifest
from models.release_audit import read_audit
from models.release_users import check_release, is_looked_up, unread_bytes
from models.vocabulary import Vocabulary

log = logging.getLogger(__name__)


class FileReleaseStore:
    """The folder of releases; each tenant has its own."""

    def __init__(self, releases: Path, user_vectors: UserVectors = "auto", engine: EngineChoice | None = None) -> None:
        """`user_vectors` says where the users of a release are; `engine` names items, None: the release's index."""
        self._all = releases
        self._user_vectors = user_vectors
        self._engine = engine

    @property
    def _releases(self) -> Path:
        return releases_of(self._all, current_tenant())

    def list(self) -> list[ReleaseInfo]:
        """Give every release directory, newest first; a broken one with its problem. A missing folder is empty."""
        if not self._releases.is_dir():
            return []
        named = [path for path in self._releases.iterdir() if path.is_dir() and RELEASE_ID.fullmatch(path.name)]
        infos = [_info(path) for path in named]
        return sorted(infos, key=lambda info: (info.created_at, info.release_id), reverse=True)

    def load(self, release_id: str) -> "InferenceRelease":
        """Load a release and check it as a whole.

        Raises:
            UnknownRelease: there is no such directory, or the id is none.
            ReleaseRefused: it is cut, altered, of another version, or its parts do not belong together.
        """
        release = self.opened(release_id)
        if self._user_vectors == "auto" and is_looked_up(release.manifest):
            unread = {"release": release_id, "bytes": unread_bytes(release.manifest)}
            log.info("users are looked up; their files are checked by size, not read", extra=unread)
        if self._engine is None:
            return InferenceRelease(release)
        return InferenceRelease(*through_engine(release, name_of(release_id), self._engine))

    def opened(self, release_id: str) -> Release:
        """Load a release as the commands of an operator need it; raises as `load` does."""
        directory = self._directory(release_id)
        torch.set_num_threads(1)
        faiss.omp_set_num_threads(1)
        try:
            release = load_release(directory, self._user_vectors)
        except (CheckpointError, OSError) as error:
            raise ReleaseRefused(release_id, _without_place(error, self._releases)) from error
        return release

    def check(self, release_id: str, progress: Callable[[int, int], None] = lambda done, of: None) -> None:
        """Read every byte that a release vouches for; `progress` is told how many, and of how many.

        Raises:
            UnknownRelease: there is no such directory, or the id is none.
            ReleaseRefused: a file is missing, cut or altered, or a number is none.
        """
        try:
            check_release(self._directory(release_id), progress)
        except (CheckpointError, OSError) as error:
            raise ReleaseRefused(release_id, _without_place(error, self._releases)) from error

    def _directory(self, release_id: str) -> Path:
        if not RELEASE_ID.fullmatch(release_id) or not (self._releases / release_id).is_dir():
            raise UnknownRelease(release_id)
        return self._releases / release_id


class InferenceRelease:
    """A release that answers: recommender, explainer and completer over one model."""

    def __init__(self, release: Release, engine: EngineIndex | None = None) -> None:
        """`engine` is what the release is searched through, where it is."""
        self._release = release
        self._engine = engine
        self._model = release.checkpoint.model
        self.info = replace(_info_of(release.manifest), rebuilt=release.rebuilt)
        self.new_items: frozenset[str] = frozenset()

    @property
    def recommender(self) -> "InferenceRelease":
        """Top-N."""
        return self

    @property
    def explainer(self) -> "InferenceRelease":
        """Reasons."""
        return self

    @property
    def completer(self) -> "InferenceRelease":
        """Missing facts."""
        return self

    @cached_property
    def people(self) -> People:
        """People rather than users: folded in, steered, told why not."""
        return People(self._release)

    @cached_property
    def _placing(self) -> Placing:
        return Placing(self._release)

    @property
    def vector_engine_problem(self) -> Callable[[], str | None] | None:
        """Tells why the vector engine names no items."""
        return None if self._engine is None else self._engine.problem

    def with_new_items(self, entities: Mapping[str, str], facts: Collection[Fact]) -> LoadedRelease:
        """Give this release with items that it does not know, placed by their entities."""
        vectors = self._placing.vectors(entities, facts)
        return ReleaseWithNewItems(self, self.people, self._release, vectors) if vectors else self

    def knows_user(self, user_id: str) -> bool:
        """Whether the user has a vector here."""
        return user_id in self._vocabulary("users")

    def knows_item(self, item_id: str) -> bool:
        """Whether the item has a vector here."""
        return item_id in self._vocabulary("items")

    def recommend(self, user_id: str, n: int, exclude: Collection[str] = ()) -> list[ScoredItem]:
        """Give the best n items that are not excluded, best first."""
        return self.recommend_many([user_id], n, [exclude])[0]

    def recommend_many(
        self, user_ids: Sequence[str], n: int, exclude: Sequence[Collection[str]]
    ) -> list[list[ScoredItem]]:
        """Give each user the best n items that are not excluded for them, ranked together."""
        users = np.array([self._row("user", user_id) for user_id in user_ids], dtype=np.int64)
        items = self._vocabulary("items")
        rankings = self._release.searcher.search_many(users, n, [known_rows(items, unwanted) for unwanted in exclude])
        return [scored_items(items, ranking) for ranking in rankings]

    def attribute(self, user_id: str, item_ids: Sequence[str]) -> list[Attribution]:
        """Attribute each pair's score to preferences."""
        return self.attribute_many([(user_id, item_ids)])[0]

    def attribute_many(self, lists: Sequence[tuple[str, Sequence[str]]]) -> list[list[Attribution]]:
        """Attribute the scores of all pairs together."""
        rows = [(self._row("user", user_id), item_ids) for user_id, item_ids in lists if item_ids]
        pairs = [(user_row, item_id) for user_row, item_ids in rows for item_id in item_ids]
        users = np.array([user_row for user_row, _ in pairs], dtype=np.int64)
        items = np.array([self._row("item", item_id) for _, item_id in pairs], dtype=np.int64)
        found, mode = attribute_pairs(self._model, users, items), self._model.config.strategy
        weights = preference_weights(self._vocabulary("relations"), found.weights)
        columns = zip(pairs, found.scores.tolist(), weights, found.scores_without_top.tolist(), strict=True)
        told = iter([Attribution(item_id, mode, score, used, rest) for (_, item_id), score, used, rest in columns])
        return [list(islice(told, len(item_ids))) for _, item_ids in lists]

    def rank_ties(self, attribution: Attribution, ties: Sequence[Tie], limit: int) -> list[Tie]:
        """Order ties by the share of their relation, then by specificity."""
        return rank_ties(ties, {p.relation_id: p.share for p in attribution.preferences}, limit)

    @property
    def calibrated(self) -> bool:
        """Whether the release has a calibration."""
        return self._release.calibration is not None

    def knows_relation(self, relation_id: str) -> bool:
        """Whether the relation has a vector here."""
        return relation_id in self._vocabulary("relations")

    def complete(
        self, query: CompletionQuery, limit: int, exclude: Collection[str] = (), type_check: bool = True
    ) -> list[ScoredCandidate]:
        """Rank what may complete the query, best first, ties in vocabulary order.

        A probability stands where the release has a calibration, an entity is asked for, and the release was made
        without the fact: it tells how likely missing facts are, and the model was taught that those are true.
        """
        target = "relation" if query.target == "relation" else "entity"
        vocabulary = self._vocabulary("relations" if target == "relation" else "entities")
        scores, seen = self._completion_scores(query), self._seen(query)
        kept = np.isfinite(scores)
        if not kept.all():
            log.error("release %s: %d scores are not finite", self.info.release_id, int((~kept).sum()))
        if type_check:
            kept &= seen
        kept[[row for external_id in exclude if (row := vocabulary.get(external_id)) is not None]] = False
        rows = np.flatnonzero(kept)
        best = rows[np.argsort(-scores[rows], kind="stable")[:limit]]
        probable = self._probabilities(query, scores, seen)[best].tolist()
        return [
            ScoredCandidate(vocabulary.id(row), score, None if math.isnan(p) else p, bool(seen[row]))
            for row, score, p in zip(best.tolist(), scores[best].tolist(), probable, strict=True)
        ]

    @torch.no_grad()
    def _completion_scores(self, query: CompletionQuery) -> NDArray[np.float64]:
        rows = {
            "head": None if query.head is None else torch.tensor([self._row("entity", query.head)]),
            "relation": None if query.relation is None else torch.tensor([self._row("relation", query.relation)]),
            "tail": None if query.tail is None else torch.tensor([self._row("entity", query.tail)]),
        }
        if query.target == "tail":
            scores = self._model.score_tails(rows["head"], rows["relation"])
        elif query.target == "head":
            scores = self._model.score_heads(rows["relation"], rows["tail"])
        else:
            scores = self._model.score_relations(rows["head"], rows["tail"])
        found: NDArray[np.float64] = scores[0].to(torch.float64).numpy()
        return found

    def _probabilities(
        self, query: CompletionQuery, scores: NDArray[np.float64], seen: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Give a probability for every candidate, whatever is excluded or cut off; NaN where there is none."""
        calibration = self._release.calibration
        if calibration is None or query.target == "relation":
            return np.full(len(scores), np.nan)
        given = self._row("entity", (query.head if query.target == "tail" else query.tail) or "")
        return calibration.probabilities(query.target, given, self._row("relation", query.relation or ""), scores, seen)

    def _seen(self, query: CompletionQuery) -> NDArray[np.bool_]:
        """Tell which rows of the target's vocabulary were seen in that role in training."""
        roles, n_relations = self._release.roles, len(self._vocabulary("relations"))
        if query.target == "relation":
            head, tail = self._row("entity", query.head or ""), self._row("entity", query.tail or "")
            seen, size = roles.relations_between(head, tail, n_relations), n_relations
        else:
            seen = roles.entities(self._row("relation", query.relation or ""), query.target)
            size = len(self._vocabulary("entities"))
        mask = np.zeros(size, dtype=np.bool_)
        mask[seen] = True
        return mask

    def _vocabulary(self, kind: str) -> Vocabulary:
        return self._release.checkpoint.vocabularies[kind]

    def _row(self, kind: Any, external_id: str) -> int:
        row = self._vocabulary("entities" if kind == "entity" else f"{kind}s").get(external_id)
        if row is None:
            raise NotInRelease(kind, external_id)
        return row


def _without_place(error: Exception, releases: Path) -> str:
    """Tell an error without where on this machine the releases lie: it is stored, and shown to whoever asks."""
    told = str(error)
    for place in (releases.resolve(), releases):
        told = told.replace(f"{place}/", "")
    return told


def _info(path: Path) -> ReleaseInfo:
    try:
        info = _info_of(read_release_manifest(path))
        return replace(info, extra={**info.extra, "audit": read_audit(path)})
    except (CheckpointError, OSError, KeyError, TypeError, ValueError) as error:
        return ReleaseInfo(path.name, "", "", "", {}, {}, problem=_without_place(error, path.parent))


def _refit(training: Mapping[str, Any]) -> str | None:
    if not training.get("refit"):
        return None
    return "all" if training.get("refit_facts") else "interactions"


def _info_of(manifest: Mapping[str, Any]) -> ReleaseInfo:
    training = manifest.get("training", {})
    return ReleaseInfo(
        release_id=manifest["release_id"],
        created_at=manifest["created_at"],
        model=manifest["model"]["name"],
        dataset=manifest["dataset"]["name"],
        metrics=manifest["metrics"],
        counts=manifest["counts"],
        extra={
            "index": manifest["index"],
            "dataset_hash": manifest["dataset"]["content_hash"],
            "seed": training.get("seed"),
            # Which of the validation rows it learnt from, too.
            "refit": _refit(training),
        },
        data_until=datetime.fromisoformat(manifest["dataset"].get("created_at", manifest["created_at"])).timestamp(),
    )
