"""From sources to a data set: read, merge, grade, clean, filter, split, and report every row."""

from training.data.importing.assembly import Named, import_dataset, import_sources
from training.data.importing.rules import Rules

__all__ = ["Named", "Rules", "import_dataset", "import_sources"]
