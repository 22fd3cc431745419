"""A data set back to files that other programs read; `EXPORTS` is the whole list."""

from collections.abc import Callable, Mapping
from pathlib import Path

from training.data.dataset import Dataset
from training.data.exporting.ntriples import write_ntriples
from training.data.exporting.recbole import write_recbole
from training.data.exporting.tables import write_tables

EXPORTS: Mapping[str, Callable[[Dataset, Path], list[str]]] = {
    "recbole": write_recbole,
    "ntriples": write_ntriples,
    "tables": write_tables,
}
"""Each writes its files into an empty directory and says, a sentence each, what the format cannot hold."""
