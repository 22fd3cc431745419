"""One input format a file; `READERS` is the whole list."""

from collections.abc import Mapping

from training.data.readers.base import Reader
from training.data.readers.graphs.fb15k import Fb15kReader
from training.data.readers.graphs.kb4rec import Kb4RecReader
from training.data.readers.graphs.kgat import KgatReader
from training.data.readers.graphs.kgcn import KgcnReader
from training.data.readers.graphs.openke import OpenKeReader
from training.data.readers.graphs.rdf.ntriples import NTriplesReader
from training.data.readers.graphs.rdf.turtle import TurtleReader
from training.data.readers.interactions.book_crossing import BookCrossingReader
from training.data.readers.interactions.gorse import GorseReader
from training.data.readers.interactions.hetrec import HetrecLastfmReader
from training.data.readers.interactions.movielens.ml_1m import MovieLens1mReader
from training.data.readers.interactions.movielens.ml_100k import MovieLens100kReader
from training.data.readers.interactions.movielens.ml_latest import MovieLensLatestReader
from training.data.readers.interactions.recbole import RecboleReader
from training.data.readers.interactions.recombee import RecombeeReader
from training.data.readers.interactions.table.table import TableReader
from training.data.readers.ktup import KtupReader
from training.data.readers.tables import TablesReader

_ALL: tuple[Reader, ...] = (
    KtupReader(),
    TablesReader(),
    MovieLens100kReader(),
    MovieLens1mReader(),
    MovieLensLatestReader(),
    BookCrossingReader(),
    HetrecLastfmReader(),
    RecboleReader(),
    GorseReader(),
    RecombeeReader(),
    TableReader(),
    Fb15kReader(),
    OpenKeReader(),
    KgatReader(),
    KgcnReader(),
    Kb4RecReader(),
    NTriplesReader(),
    TurtleReader(),
)

READERS: Mapping[str, Reader] = {reader.name: reader for reader in _ALL}
