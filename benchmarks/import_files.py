"""How fast files are imported, and in how much memory, beside pandas (ratings) and rdflib (N-Triples).

The files are made here, by a seed: ratings as MovieLens 20M has them (ratings.csv with Zipf-distributed items,
movies.csv with genres), and N-Triples about entities. Each side runs as a process of its own, one after the other:

- `reading`: to a table with user, item, value and time. Ours also trims and checks every cell, keeps ids as texts,
  counts every row with its line, and first reads the file once to see whether it is UTF-8; pandas is given the types.
- `import`: reading, then repeated pairs (the latest stays) and each user's rows at random 7:1:2. Ours also tells the
  genres as facts, splits and checks them, and hashes the tables; pandas does none of that.
- `convert`: the whole command with writing. `load`: what it wrote is read, checked, hashed and numbered for training.
- `n-triples`: statements to a table of head, relation and tail. rdflib parses fewer lines into its memory store, since
  its time and memory grow with them; ours parses as many, and then all.
- `n-triples convert`: the whole command, with ratings and links that go with the graph.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import typer

from benchmarks.machine import describe_machine

_PACKAGES = ("polars", "pandas", "pyoxigraph", "rdflib", "numpy")
_GENRES = ("Action", "Comedy", "Drama", "Horror", "Romance", "Thriller", "War", "Western")
_PIECE = 1_000_000
_RESOURCE, _ONTOLOGY = "http://kg.example/resource/Thing_", "http://kg.example/ontology/relation"


def write_ratings(folder: Path, rows: int, rng: np.random.Generator) -> None:
    """Write ratings.csv and movies.csv: 145 ratings a user, as in MovieLens 20M; about one pair in 50 is repeated."""
    n_users, n_items = max(10, rows // 145), max(10, rows // 750)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "ratings.csv").open("wb") as file:
        for start in range(0, rows, _PIECE):
            size = min(_PIECE, rows - start)
            table = pl.DataFrame(
                {
                    "userId": np.sort(rng.integers(n_users * start // rows, n_users * (start + size) // rows, size))
                    + 1,
                    "movieId": 1 + np.floor(n_items ** rng.random(size)).astype(np.int64) * 7 % (4 * n_items),
                    "rating": rng.integers(1, 11, size) / 2,
                    "timestamp": rng.integers(789_652_009, 1_427_784_002, size),
                }
            )
            table.write_csv(file, include_header=start == 0)
    ids = np.unique(1 + np.arange(1, n_items + 1) * 7 % (4 * n_items))
    films = pl.DataFrame({"movieId": ids}).with_columns(
        title=pl.format("Film, The number {} ({})", "movieId", 1930 + pl.col("movieId") % 80),
        genres=pl.Series(["|".join(rng.choice(_GENRES, 2, replace=False)) for _ in ids]),
    )
    films.write_csv(folder / "movies.csv")


def write_triples(path: Path, lines: int, rng: np.random.Generator) -> None:
    """Write N-Triples: a quarter as many entities as lines, 40 relations, one line in ten a literal."""
    n_entities = max(10, lines // 4)
    with path.open("wb") as file:
        for start in range(0, lines, _PIECE):
            size = min(_PIECE, lines - start)
            ends = np.floor(n_entities ** rng.random((2, size))).astype(np.int64)
            table = pl.DataFrame({"h": rng.integers(0, n_entities, size), "t": ends[1], "r": rng.integers(0, 40, size)})
            tail = (
                pl.when(pl.int_range(size) % 10 == 9)
                .then(pl.format('"A label {}"@en', "t"))
                .otherwise(pl.format("<" + _RESOURCE + "{}>", "t"))
            )
            line = pl.format("<" + _RESOURCE + "{}> <" + _ONTOLOGY + "{}> {} .", "h", "r", tail)
            file.write(("\n".join(table.select(line).to_series()) + "\n").encode())


def write_ratings_of_triples(folder: Path) -> None:
    """Write a few ratings and links that make a data set of the N-Triples."""
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"user_id": ["u1", "u1", "u2"], "item_id": ["1", "2", "1"]}).write_csv(folder / "ratings.csv")
    links = pl.DataFrame({"item_id": ["1", "2"], "entity_id": [f"{_RESOURCE}1", f"{_RESOURCE}2"]})
    links.write_csv(folder / "links.csv")


def ours_reading(path: str) -> int:
    """Read the ratings with the reader of their format, without the films."""
    from training.data.ledger import Ledger
    from training.data.readers import READERS
    from training.data.readers.base import ReadOptions
    from training.data.readers.source import Source

    source = Source.of(Path(path) / "ratings.csv")
    return READERS["movielens-latest"].read(source, ReadOptions(), Ledger()).interactions.height


def ours_import(path: str) -> int:
    """Make a data set in memory."""
    from training.data.importing import import_dataset
    from training.data.readers import READERS
    from training.data.readers.base import ReadOptions

    reader, options = READERS["movielens-latest"], ReadOptions()
    dataset = import_dataset(reader, Path(path), name="b", seed=0, max_bad_share=0.01, options=options)
    return dataset.interactions.height


def ours_load(path: str) -> int:
    """Load a data set and number it for training."""
    from training.data.dataset import Dataset
    from training.data.indexed import IndexedDataset

    return sum(len(rows) for rows in IndexedDataset.of(Dataset.load(Path(path))).interactions.values())


def ours_triples(path: str) -> int:
    """Read N-Triples to a table of head, relation and tail."""
    from training.data.ledger import Ledger
    from training.data.readers import READERS
    from training.data.readers.base import ReadOptions
    from training.data.readers.source import Source

    return READERS["ntriples"].read(Source.of(path), ReadOptions(), Ledger()).triples.height


def pandas_reading(path: str) -> int:
    """Read the ratings with the types said beforehand, ids as integers: the fastest that pandas' C reader does."""
    return len(_by_pandas(path))


def pandas_import(path: str) -> int:
    """Read, keep the latest of each pair, deal each user's rows at random 7:1:2."""
    rows = _by_pandas(path)
    rows = rows.sort_values("timestamp", kind="stable").drop_duplicates(["userId", "movieId"], keep="last").sort_index()
    rng = np.random.default_rng(0)
    shuffled = rows.assign(chance=rng.random(len(rows))).sort_values("chance")
    place = shuffled.groupby("userId").cumcount().sort_index()
    count = rows.groupby("userId")["movieId"].transform("size")
    rows["split"] = np.where(place < 0.7 * count, 0, np.where(place < 0.8 * count, 1, 2))
    return len(rows)


def _by_pandas(path: str) -> Any:
    import pandas

    types = {"userId": "int32", "movieId": "int32", "rating": "float64", "timestamp": "int64"}
    return pandas.read_csv(Path(path) / "ratings.csv", dtype=types)


def rdflib_triples(path: str) -> int:
    """Parse N-Triples into rdflib's memory store; its distinct triples."""
    from rdflib import Graph

    return len(Graph().parse(path, format="nt"))


SIDES: Mapping[str, Callable[[str], int]] = {
    function.__name__: function
    for function in (
        ours_reading,
        pandas_reading,
        ours_import,
        pandas_import,
        ours_load,
        ours_triples,
        rdflib_triples,
    )
}


def measured(command: list[str], rows: int) -> dict[str, Any]:
    """Run a process; its seconds (wall and of the processors), rows a second, and peak memory as the kernel has it."""
    began = time.perf_counter()
    wrapped = [sys.executable, "-c", _WATCHED, *command]
    done = subprocess.run(wrapped, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - began
    if done.returncode != 0:
        raise RuntimeError(f"{command} failed: {done.stderr[-2000:]}")
    cpu, peak = json.loads(done.stdout.splitlines()[-1])
    found = {"rows": rows, "wall_seconds": round(wall, 2), "cpu_seconds": round(cpu, 2)}
    rates = {"rows_per_second": round(rows / wall), "rows_per_cpu_second": round(rows / cpu)}
    return {**found, **rates, "peak_rss_mib": round(peak / 1024)}


_WATCHED = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss]))
sys.exit(code)
"""


def side(name: str, path: Path, rows: int) -> dict[str, Any]:
    """Measure one function of `SIDES` in a process of its own."""
    return measured([sys.executable, "-m", "benchmarks.import_files", "side", name, str(path)], rows)


def convert(rows: int, *arguments: object) -> dict[str, Any]:
    """Measure the whole command."""
    return measured([sys.executable, "-m", "training", "convert", *map(str, arguments)], rows)


app = typer.Typer(pretty_exceptions_enable=False, help=__doc__)


@app.command("side")
def side_command(name: str, path: str) -> None:
    """Run one side: what `run` starts for each measurement."""
    print(SIDES[name](path))


@app.command("run")
def run_command(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    folder: Annotated[Path, typer.Option(help="Where the files are made; 4 GB for the numbers by default.")],
    ratings: Annotated[int, typer.Option(help="Rows of ratings.")] = 20_000_000,
    triples: Annotated[int, typer.Option(help="Lines of N-Triples.")] = 10_000_000,
    rdflib_lines: Annotated[int, typer.Option(help="Lines that rdflib parses.")] = 300_000,
) -> None:
    """Make the files, measure both sides, and write the result after each; what stands there already is kept."""
    films, graph, small, beside = folder / "films", folder / "graph.nt", folder / "small.nt", folder / "beside"
    if not beside.exists():  # made last
        write_ratings(films, ratings, np.random.default_rng(0))
        write_triples(graph, triples, np.random.default_rng(1))
        write_triples(small, rdflib_lines, np.random.default_rng(2))
        write_ratings_of_triples(beside)
    done = folder / "dataset"
    merged = (f"table={beside}", f"ntriples={graph}")
    measurements: Mapping[str, Callable[[], dict[str, Any]]] = {
        "reading: pandas": lambda: side("pandas_reading", films, ratings),
        "reading: ours": lambda: side("ours_reading", films, ratings),
        "convert: ours": lambda: convert(ratings, "--overwrite", f"movielens-latest={films}", done),
        "load: ours": lambda: side("ours_load", done, ratings),
        "n-triples: rdflib": lambda: side("rdflib_triples", small, rdflib_lines),
        "n-triples, as many: ours": lambda: side("ours_triples", small, rdflib_lines),
        "n-triples convert: ours": lambda: convert(triples, "--overwrite", *merged, folder / "graph"),
        "n-triples: ours": lambda: side("ours_triples", graph, triples),
        "import: ours": lambda: side("ours_import", films, ratings),
        "import: pandas": lambda: side("pandas_import", films, ratings),
    }
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))["results"] if out.is_file() else {}
    for name, measure in measurements.items():
        if name not in found:
            found[name] = measure()
            print(name, json.dumps(found[name]), flush=True)
        values = {"what": __doc__, "machine": describe_machine(2, _PACKAGES), "results": found, "ratios": ratios(found)}
        out.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(ratios(found)))


def ratios(found: Mapping[str, Any]) -> dict[str, float]:
    """Give rows a second of the processors' time, ours to theirs: other programs on the machine do not change them."""
    pairs = {
        "reading, ours to pandas": ("reading: ours", "reading: pandas"),
        "import, ours to pandas": ("import: ours", "import: pandas"),
        "n-triples, ours to rdflib": ("n-triples, as many: ours", "n-triples: rdflib"),
    }
    rate = {name: values["rows_per_cpu_second"] for name, values in found.items()}
    return {name: round(rate[a] / rate[b], 2) for name, (a, b) in pairs.items() if a in rate and b in rate}


if __name__ == "__main__":
    app()
