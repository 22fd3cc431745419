"""Milvus as a vector engine: the one file that knows its client.

A collection holds `row` and `vector`, with an HNSW graph in squared L2. One more, ktup_releases, says which releases
are held: a row comes last when a release is loaded, and goes first when it is removed, so a server never asks a
collection that is not complete. A path in place of a URL is Milvus Lite, its local mode: one process at a time, for
trials and tests; the calls are the same.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.vector_engine.engine import EngineAway, Loaded

RELEASES = "ktup_releases"
MOST = 16_384
"""Neighbours that Milvus gives to one query at most."""
GRAPH = {"M": 16, "efConstruction": 100}
LEAST_EXPLORED = 64


class Milvus:
    """A server by its URL, or Milvus Lite by a path that ends in .db. Connects at the first call."""

    def __init__(self, address: str, token: str | None, timeout_seconds: float, shards: int = 1) -> None:
        self._address, self._token, self._timeout, self._shards = address, token or "", timeout_seconds, shards

    @cached_property
    def _client(self) -> Any:
        from pymilvus import MilvusClient

        # It logs each failure with pages of traces, which is told as EngineAway anyway.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        with _told(self._address):
            return MilvusClient(self._address, token=self._token, timeout=self._timeout)

    def nearest(
        self, collection: str, query: NDArray[np.float32], n: int, excluded: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """As the protocol says; at most MOST items."""
        n = min(n, MOST)
        with _told(self._address):
            found = self._client.search(
                collection,
                data=[query],
                limit=n,
                filter=f"row not in {sorted(excluded.tolist())}" if len(excluded) else "",
                search_params={"metric_type": "L2", "params": {"ef": max(LEAST_EXPLORED, n)}},
                timeout=self._timeout,
            )
            return np.array([hit["row"] for hit in found[0]], dtype=np.int64)

    def loaded(self, release: str) -> Loaded | None:
        """As the protocol says. A server that was started anew may have to read the collection first."""
        held = next((held for held in self.all_loaded() if held.release == release), None)
        if held is not None:
            with _told(self._address):
                self._client.load_collection(held.collection, timeout=self._timeout)
        return held

    def all_loaded(self) -> Sequence[Loaded]:
        """As the protocol says."""
        with _told(self._address):
            if not self._client.has_collection(RELEASES, timeout=self._timeout):
                return []
            self._client.load_collection(RELEASES, timeout=self._timeout)
            rows = self._client.query(
                RELEASES,
                filter='name != ""',
                output_fields=["about"],
                consistency_level="Strong",
                timeout=self._timeout,
            )
            return [Loaded(**json.loads(row["about"])) for row in rows]

    def create(self, collection: str, dimension: int, release: str) -> None:
        """As the protocol says, in `shards` shards."""
        self._create(collection, "row", "INT64", dimension, release, {"index_type": "HNSW", "params": GRAPH})

    def count(self, collection: str) -> int:
        """As the protocol says."""
        with _told(self._address):
            self._client.load_collection(collection)
            found = self._client.query(collection, output_fields=["count(*)"], consistency_level="Strong")
            return int(found[0]["count(*)"])

    def add(self, collection: str, first: int, vectors: NDArray[np.float32]) -> None:
        """As the protocol says."""
        with _told(self._address):
            self._client.upsert(collection, [{"row": first + k, "vector": one} for k, one in enumerate(vectors)])

    def finish(self, collection: str) -> None:
        """As the protocol says."""
        with _told(self._address):
            self._client.flush(collection)
            self._client.load_collection(collection)

    def announce(self, loaded: Loaded) -> None:
        """As the protocol says."""
        # Vectors are what Milvus is for: a collection without any is refused.
        self._create(RELEASES, "name", "VARCHAR", 2, "releases", {"index_type": "FLAT"})
        with _told(self._address):
            row = {"name": loaded.release, "vector": [0.0, 0.0], "about": json.dumps(asdict(loaded))}
            self._client.upsert(RELEASES, [row])
            self._client.flush(RELEASES)

    def remove(self, loaded: Loaded) -> None:
        """As the protocol says."""
        with _told(self._address):
            held = self.loaded(loaded.release)
            if held is not None and held.collection == loaded.collection:
                self._client.delete(RELEASES, filter=f"name == {json.dumps(loaded.release)}")
            self._client.drop_collection(loaded.collection)

    def _create(self, name: str, key: str, kind: str, dimension: int, about: str, index: dict[str, Any]) -> None:
        from pymilvus import DataType

        with _told(self._address):
            if self._client.has_collection(name):
                return
            schema = self._client.create_schema(auto_id=False, description=about)
            length = {"max_length": 200} if kind == "VARCHAR" else {}
            schema.add_field(key, DataType[kind], is_primary=True, **length)
            schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
            if kind == "VARCHAR":
                schema.add_field("about", DataType.VARCHAR, max_length=2000)
            indexes = self._client.prepare_index_params()
            indexes.add_index("vector", metric_type="L2", **index)
            shards = 1 if kind == "VARCHAR" else self._shards
            self._client.create_collection(name, schema=schema, index_params=indexes, num_shards=shards)


def collection_name(release: str, fingerprint: str) -> str:
    """Name a collection by its release: letters, digits and underscores are all that Milvus allows.

    >>> collection_name("ml1m-2026.1", "00ff")
    'ktup_ml1m_2026_1_d09b5b5c'
    """
    told = hashlib.blake2b(f"{release}\x00{fingerprint}".encode(), digest_size=4).hexdigest()
    return f"ktup_{re.sub(r'[^A-Za-z0-9]', '_', release)}_{told}"


@contextmanager
def _told(address: str) -> Iterator[None]:
    """Tell whatever the client raises as one error. gRPC's own comes through where a server ends in mid-call."""
    from grpc import RpcError
    from pymilvus import MilvusException

    try:
        yield
    except (MilvusException, RpcError, OSError) as error:
        reason = str(getattr(error, "message", error)).splitlines()[0][:200]
        raise EngineAway(f"Milvus at {address}: {reason}") from error
