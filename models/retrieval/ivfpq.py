"""Items as short codes in an inverted file: for more items than memory holds vectors of.

FAISS keeps one byte for four numbers of a vector, relative to the centre of its cell (IVF-PQ; Jegou, Douze, Schmid,
2011), and eight for its row: 33 bytes an item at d = 100. The file is mapped, so processes share what they touch. The
codes only nominate, by squared L2 to one vector (models/retrieval/carried.py); what they name is measured by the model
on its own vectors, of which a search reads a few hundred rows from the mapped weights. Nothing is proven; recall is
measured when a release is made.

    codes.faiss           the inverted file, its centres and code books
    sample.safetensors    logits of some items, for the mixture that a user induces on average
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.preferences import Strategy
from models.retrieval.carried import Sample
from models.retrieval.items import Users
from models.retrieval.nominations import Excluded, IndexShape, Nominations, UnreadableIndex, UnusableIndex

CODES, SAMPLE = "codes.faiss", "sample.safetensors"
NUMBERS_A_BYTE, BITS = 4, 8
TRAINED_ON, LEAST_TRAINED_ON, ROUNDS = 50, 1 << 14, 10
"""Items for each cell that centres and code books are learnt from, items at least, and rounds of k-means."""
BATCH = 1 << 16
"""Items that are coded at a time: all of the memory that building takes beside the codes."""
CODES_A_NAME, CELLS_AT_LEAST = 64, 8
"""Codes looked at for each item that is named."""

Progress = Callable[[int, int], None]
"""Is told how many items are coded, of how many."""


class ItemCodes:
    """An IVF-PQ index of FAISS, and the sample that its queries are made with."""

    def __init__(self, index: Any, sample: Sample, shape: IndexShape) -> None:
        self.index, self.sample, self.shape = index, sample, shape

    @classmethod
    @torch.no_grad()
    def build(cls, model: Any, items_hash: str, progress: Progress = lambda done, of: None) -> "ItemCodes":
        """Code the items of a preference model in some sqrt(n) cells, seeded; vectors are read batch by batch."""
        shape = IndexShape.of(model, items_hash)
        n, width = shape.n_items, _width(shape.embedding_size)
        n_cells = max(1, round(math.sqrt(n)))
        index = faiss.IndexIVFPQ(faiss.IndexFlatL2(width), width, n_cells, width // NUMBERS_A_BYTE, BITS)
        index.cp.niter, index.cp.seed, index.cp.min_points_per_centroid = ROUNDS, 1, 1
        index.pq.cp.seed, index.pq.cp.min_points_per_centroid = 1, 1
        if n:
            index.train(_to_learn_from(model, n, n_cells))
        for start in range(0, n, BATCH):
            end = min(n, start + BATCH)
            index.add(_padded(model.item_vectors(torch.arange(start, end))))
            progress(end, n)
        return cls(index, Sample.of(model), shape)

    def proves(self, strategy: Strategy) -> bool:
        """Codes are rough: never."""
        return False

    def nominate(self, users: Users, m: int, least: int, excluded: Excluded) -> Nominations:
        """Name some `least` items, m at the least, whose codes are near to where the users are carried."""
        n = self.shape.n_items
        wanted = min(n, max(m, least))
        cells = math.ceil(CODES_A_NAME * wanted * self.index.nlist / max(1, n))
        probed = min(self.index.nlist, max(CELLS_AT_LEAST, cells))
        queries = _padded(torch.from_numpy(self.sample.queries(users))) if len(users) else np.empty((0, 0), np.float32)
        rows = np.full((len(users), wanted), -1, dtype=np.int64)
        for k in range(len(users)):
            rows[k] = self._found(queries[k : k + 1], wanted, probed, excluded[k])
        whole = probed == self.index.nlist
        bounds = np.where(whole & ((rows < 0).any(1) | (wanted == n)), math.inf, 0.0)
        return Nominations(rows, bounds, rough=True)

    def _found(self, query: NDArray[np.float32], n: int, probed: int, excluded: NDArray[np.int64]) -> NDArray[np.int64]:
        # Python holds the parts of a selector until the search is over: FAISS does not.
        unwanted = faiss.IDSelectorBatch(excluded)
        selector = faiss.IDSelectorNot(unwanted)
        make: Any = faiss.SearchParametersIVF
        parameters = make(nprobe=probed, sel=selector) if len(excluded) else make(nprobe=probed)
        rows: NDArray[np.int64] = self.index.search(query, n, params=parameters)[1][0]
        return rows

    def save(self, directory: Path) -> None:
        """Write its files into a directory."""
        faiss.write_index(self.index, str(directory / CODES))
        save_file({"logits": self.sample.logits}, directory / SAMPLE)

    @classmethod
    def load(cls, directory: Path, shape: IndexShape) -> "ItemCodes":
        """Map the files into memory: codes are read as they are searched.

        Raises:
            UnreadableIndex: a file is missing, or FAISS cannot read it.
            UnusableIndex: it does not fit the shape.
        """
        # What FAISS could compute ahead for each cell would be memory of every process, and saves little.
        flags = faiss.IO_FLAG_MMAP | faiss.IO_FLAG_SKIP_PRECOMPUTE_TABLE
        try:
            index: Any = faiss.read_index(str(directory / CODES), flags)
            logits = load_file(directory / SAMPLE)["logits"]
        except (RuntimeError, OSError, SafetensorError, KeyError) as error:
            reason = str(error).splitlines()[0][:200]
            raise UnreadableIndex(f"{CODES} or {SAMPLE} cannot be read ({reason}): build it again") from error
        found = (type(index).__name__, index.ntotal, index.d, logits.shape[-1])
        wanted = ("IndexIVFPQ", shape.n_items, _width(shape.embedding_size), shape.n_preferences)
        if found != wanted:
            raise UnusableIndex(f"{CODES} holds (class, items, dimension, preferences) {found}, expected {wanted}")
        lists: Any = index.invlists
        # Its threads would read ahead in the mapped file while, and after, a search reads it anyway.
        on_disk: Any = faiss.downcast_InvertedLists(lists)
        on_disk.prefetch_nthread = 0
        return cls(index, Sample(logits), shape)


def _width(embedding_size: int) -> int:
    """Give the dimension with zeros behind, a multiple of what one byte of code stands for."""
    return NUMBERS_A_BYTE * math.ceil(embedding_size / NUMBERS_A_BYTE)


def _padded(vectors: Tensor) -> NDArray[np.float32]:
    vectors = vectors.detach().cpu().float()
    padding = torch.zeros(len(vectors), _width(vectors.shape[1]) - vectors.shape[1])
    found: NDArray[np.float32] = torch.cat([vectors, padding], dim=1).contiguous().numpy()
    return found


def _to_learn_from(model: Any, n: int, n_cells: int) -> NDArray[np.float32]:
    """Take items at random, in order; fewer than a code book has entries are repeated."""
    size = min(n, max(LEAST_TRAINED_ON, TRAINED_ON * n_cells))
    rows = np.sort(np.random.default_rng(1).choice(n, size=size, replace=False))
    drawn = _padded(model.item_vectors(torch.from_numpy(rows)))
    return np.resize(drawn, (max(len(drawn), n_cells, 1 << BITS), drawn.shape[1]))
