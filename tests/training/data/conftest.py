import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from training.data.dataset import Dataset, SplitMethod
from training.data.importing import import_dataset
from training.data.readers import READERS
from training.data.readers.base import ReadOptions
from training.data.schema import TABLES

CASES = Path(__file__).parents[2] / "cases" / "files"

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


@pytest.fixture
def cases() -> Path:
    return CASES


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Give a copy of the toy in the paper's layout, to be changed by the test."""
    return Path(shutil.copytree(CASES / "ktup" / "toy", tmp_path / "toy"))


@pytest.fixture
def convert() -> Callable[..., Dataset]:
    """Import a source directory; nothing is written."""

    def convert(
        source: Path, source_format: str, *, seed: int = 0, max_bad_share: float = 0.01, encoding: str | None = None
    ) -> Dataset:
        reader, options = READERS[source_format], ReadOptions(encoding)
        return import_dataset(reader, source, name="t", seed=seed, max_bad_share=max_bad_share, options=options)

    return convert


@pytest.fixture
def graph() -> dict[str, str]:
    """Give triples and links of plain tables that go with the items i1 and i2, for tests of interactions."""
    return {"triples.csv": "head,relation,tail\ne1,r,e2\n", "links.csv": "item_id,entity_id\ni1,e1\ni2,e2\n"}
