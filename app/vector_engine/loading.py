"""The items of a release into a vector engine: in order, so that a load that was ended goes on where it was."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.errors import VectorEngineUnavailable
from app.vector_engine.configured import fingerprint_of
from app.vector_engine.engine import EngineAway, Loaded, VectorEngine
from app.vector_engine.index import EngineIndex
from app.vector_engine.milvus import collection_name
from models.release import Release
from models.retrieval.carried import Sample
from models.retrieval.items import ItemTable, Users
from models.retrieval.nominations import IndexShape
from models.retrieval.search import Searcher

BATCH = 2_000
TOP_N, TARGET, CHOSEN, MEASURED = 10, 0.995, 100, 100
"""Recall@10 that is asked for, of the users that choose how many items are named; and users it is measured on."""
LEAST, MOST = 40, 16_384
PIECE = 1 << 16
"""Items of an exact scan held at a time."""

Progress = Callable[[str, int, int], None]
"""Is told the stage, how far it is, and how far it goes."""


def load(release: Release, name: str, engine: VectorEngine, progress: Progress = lambda *_: None) -> Loaded:
    """Bring a release into the engine under a name, measure what it finds there, and let servers use it.

    A release that is held already is left as it is. Another one of the same name is replaced once this one is whole.

    Raises:
        EngineAway: the engine is away; the same call goes on where this one ended.
        ValueError: too few of the true first items are found, however many are named.
    """
    items_hash = release.checkpoint.vocabularies["items"].content_hash
    return bring(release.checkpoint.model, items_hash, name, fingerprint_of(release), engine, progress)


def bring(
    model: Any,
    items_hash: str,
    name: str,
    fingerprint: str,
    engine: VectorEngine,
    progress: Progress = lambda *_: None,
) -> Loaded:
    """Bring the items of a preference model into the engine, as `load` does; `fingerprint` tells it from others."""
    n, d = int(model.n_items), int(model.config.embedding_size)
    held, collection = engine.loaded(name), collection_name(name, fingerprint)
    if held is not None and held.fingerprint == fingerprint and engine.count(held.collection) == n:
        return held
    engine.create(collection, d, name)
    # The batch that was under way when a load ended may be there in part: it is stored again.
    done = max(0, engine.count(collection) // BATCH - 1) * BATCH
    for start in range(done, n, BATCH):
        end = min(n, start + BATCH)
        engine.add(collection, start, _vectors(model, start, end))
        progress("items stored", end, n)
    engine.finish(collection)
    stored = engine.count(collection)
    if stored != n:
        raise EngineAway(f"it holds {stored:,} of {n:,} items in {collection}: load them again")
    shape = IndexShape.of(model, items_hash)
    loaded = _measured(model, shape, Loaded(name, fingerprint, collection, n, 0, 0.0), engine, progress)
    engine.announce(loaded)
    if held is not None and held.collection != collection:
        engine.remove(held)
    return loaded


@torch.no_grad()
def _vectors(model: Any, start: int, end: int) -> NDArray[np.float32]:
    vectors: NDArray[np.float32] = model.item_vectors(torch.arange(start, end)).float().numpy()
    return vectors


def _measured(model: Any, shape: IndexShape, loaded: Loaded, engine: VectorEngine, progress: Progress) -> Loaded:
    """Choose how many items are named, on some users, and measure recall on others, where there are such."""
    users = np.random.default_rng(0).permutation(model.n_users)[: CHOSEN + MEASURED]
    true = exact_lists(model, users, lambda done, of: progress("items compared", done, of))
    nominate = min(LEAST, loaded.items)
    while True:
        tried = Loaded(**{**vars(loaded), "nominate": nominate})
        shares = _shares(model, shape, tried, engine, users, true)
        chosen, others = shares[:CHOSEN], shares[CHOSEN:] if len(shares) > CHOSEN else shares
        progress("items named in a search", nominate, min(MOST, loaded.items))
        if np.mean(chosen) >= TARGET or nominate >= min(MOST, loaded.items):
            break
        nominate = min(MOST, loaded.items, 2 * nominate)
    if np.mean(chosen) < TARGET:
        raise ValueError(
            f"{nominate:,} of {loaded.items:,} items hold {np.mean(chosen):.1%} of the true first {TOP_N}, "
            f"{TARGET:.1%} are asked for: serve this release by its own index"
        )
    return Loaded(**{**vars(tried), "recall": float(np.mean(others))})


def _shares(
    model: Any,
    shape: IndexShape,
    tried: Loaded,
    engine: VectorEngine,
    users: NDArray[np.int64],
    true: list[NDArray[np.int64]],
) -> list[float]:
    index = EngineIndex(engine, tried.release, tried.fingerprint, Sample.of(model), shape, 0.0, None, held=tried)
    searcher, nothing = Searcher(model, index, 0), np.empty(0, np.int64)
    try:
        found = [searcher.search(int(user), TOP_N, nothing).rows for user in users]
    except VectorEngineUnavailable as error:
        raise EngineAway(error.message) from error
    return [len(np.intersect1d(a, b)) / max(1, len(b)) for a, b in zip(found, true, strict=True)]


@torch.no_grad()
def exact_lists(
    model: Any, users: NDArray[np.int64], progress: Callable[[int, int], None] = lambda done, of: None
) -> list[NDArray[np.int64]]:
    """Give the true first TOP_N item rows of (B,) users, by a scan of all items that holds PIECE of them at a time."""
    asked, n = Users.of(model, torch.from_numpy(users)), int(model.n_items)
    best = torch.full((len(users), 4 * TOP_N), torch.inf)
    rows = torch.full(best.shape, -1, dtype=torch.int64)
    for start in range(0, n, PIECE):
        some = torch.arange(start, min(n, start + PIECE))
        distances = ItemTable.of(model.item_vectors(some), model.space).distances(asked)
        best, chosen = torch.cat([best, distances], dim=1).topk(best.shape[1], largest=False)
        rows = torch.cat([rows, some.expand(len(users), -1)], dim=1).gather(1, chosen)
        progress(int(some[-1]) + 1, n)
    lists = []
    for user, found in zip(users.tolist(), rows, strict=True):
        found = found[found >= 0].sort().values
        scores = model.score_pairs(torch.full_like(found, user), found)
        lists.append(found[scores.argsort(descending=True, stable=True)[:TOP_N]].numpy())
    return lists
