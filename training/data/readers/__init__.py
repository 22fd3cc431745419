"""One input format a file; `READERS` is the whole list."""

from collections.abc import Mapping

from training.data.readers.base import Reader
from training.data.readers.ktup import KtupReader
from training.data.readers.tables import TablesReader

READERS: Mapping[str, Reader] = {reader.name: reader for reader in (KtupReader(), TablesReader())}
