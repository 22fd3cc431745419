from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from training.data.dataset import Dataset, SplitMethod
from training.data.schema import TABLES

ROWS: Mapping[str, list[tuple[object, ...]]] = {
    "users": [("u2",), ("u1",), ("u-without-a-row",)],
    "items": [("0071", "Blue Hill"), ("71", None), ("72", "Night, The")],
    "entities": [("e:hill", "Hill"), ("e:drama", None), ("e:ann", "Ann")],
    "relations": [("genre", "genre"), ("director", None)],
    "links": [("72", "e:hill"), ("0071", "e:hill")],
    "interactions": [
        ("u1", "71", 4.0, 100, "train"),
        ("u1", "72", None, None, "test"),
        ("u2", "0071", 3.5, 200, "train"),
        ("u2", "72", 1.0, 300, "valid"),
    ],
    "triples": [
        ("e:hill", "genre", "e:drama", "train"),
        ("e:hill", "director", "e:ann", "test"),
        ("e:ann", "genre", "e:drama", "train"),
    ],
}


@pytest.fixture
def tables() -> dict[str, pl.DataFrame]:
    return {name: pl.DataFrame(rows, schema=TABLES[name], orient="row") for name, rows in ROWS.items()}


@pytest.fixture
def build() -> Callable[[Mapping[str, pl.DataFrame]], Dataset]:
    def build(tables: Mapping[str, pl.DataFrame]) -> Dataset:
        given = {"interactions": SplitMethod(method="given"), "triples": SplitMethod(method="given")}
        return Dataset.of("tiny", tables, source_format="hand", split=given)

    return build


@pytest.fixture
def dataset(tables: dict[str, pl.DataFrame], build: Callable[[Mapping[str, pl.DataFrame]], Dataset]) -> Dataset:
    return build(tables)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write files by name below a fresh source directory; texts in UTF-8, bytes as they are."""

    def write(files: Mapping[str, str | bytes]) -> Path:
        source = tmp_path / "source"
        for name, content in files.items():
            file = source / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return source

    return write
