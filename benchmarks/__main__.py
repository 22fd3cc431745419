"""All benchmarks of speed, ours and the peers', in one process tree: python -m benchmarks --data DATASET_DIR."""

import json
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.everything import BenchmarkFailed, Line, Part, call, lines_of, revision
from benchmarks.machine import describe_machine
from training.cli_shared import told_plainly
from training.config import ConfigError

RESULTS = Path(__file__).parent / "results"
RELEASE = "measured"
PACKAGES = ("torch", "numpy", "faiss-cpu", "fastapi", "uvicorn")

app = typer.Typer(pretty_exceptions_enable=False)
out, errors = Console(), Console(stderr=True)


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="A data set directory, as `python -m training convert` writes it.")],
    preset: Annotated[str, typer.Option(help="What trains the model that is searched and served.")],
    checkpoint: Annotated[Path | None, typer.Option(help="A trained KTUP instead: nothing is trained.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of that training; speed needs no more than a few.")] = 2,
    sizes: Annotated[str, typer.Option(help="Numbers of items that retrieval is measured at.")] = "3000,30000,100000",
    backends: Annotated[str, typer.Option(help="Of the service: sqlite, postgres, or both.")] = "sqlite",
    environments: Annotated[Path, typer.Option(help="The folder of the peers' environments.")] = Path("var/peers"),
    python: Annotated[Path, typer.Option(help="The Python that makes those; at most 3.11.")] = Path(sys.executable),
    without: Annotated[
        list[str] | None, typer.Option(help="Leave out peers, retrieval or service; may be repeated.")
    ] = None,
    target: Annotated[Path | None, typer.Option("--out", help="Default: DATE.json in benchmarks/results.")] = None,
) -> None:
    """Measure training and ranking beside peers, retrieval by size, and the service; print and write the ratios."""
    unknown = set(without or []) - {"peers", "retrieval", "service"}
    if unknown:
        raise typer.BadParameter(
            f"{', '.join(sorted(unknown))}: expected peers, retrieval or service", param_hint="--without"
        )
    path = target or RESULTS / f"{datetime.now(UTC):%Y-%m-%d}.json"
    with told_plainly(), tempfile.TemporaryDirectory() as scratch:
        try:
            begun = revision()
            model = checkpoint or Path(scratch) / "run" / "checkpoint"
            parts = _parts(data, model, Path(scratch), sizes, backends, environments, python)
            wanted = [name for name in parts if name not in (without or [])]
            if checkpoint is None and wanted != ["peers"]:
                _train(data, preset, epochs, Path(scratch) / "run")
            if "service" in wanted:
                _release(data, model, Path(scratch) / "releases")
            found = {name: parts[name].run() for name in wanted}
        except BenchmarkFailed as error:
            raise ConfigError(str(error)) from None
        lines = lines_of(found)
        written = {
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "revision": begun if begun == revision() else f"{begun}, changed while it was measured",
            "machine": describe_machine(1, PACKAGES),
            "lines": [asdict(line) for line in lines],
            "parts": found,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    out.print(_table(lines))
    out.print(f"Written: {path}")


def _train(data: Path, preset: str, epochs: int, run: Path) -> None:
    errors.print(f"training {preset}, {epochs} epochs")
    training = ["train", "--data", str(data), "--preset", preset, "--threads", "1", "--out", str(run), "--no-report"]
    call([sys.executable, "-m", "training", *training, "--set", f"epochs={epochs}", "--set", "validation.every=1"])


def _release(data: Path, model: Path, releases: Path) -> None:
    where = ["--data", str(data), "--checkpoint", str(model), "--releases", str(releases), "--id", RELEASE]
    call([sys.executable, "-m", "training", "release", *where, "--threads", "1"])


def _parts(
    data: Path, model: Path, scratch: Path, sizes: str, backends: str, environments: Path, python: Path
) -> dict[str, Part]:
    peers, service = scratch / "peers.json", scratch / "service.json"
    sides = ["--data", str(data), "--environments", str(environments), "--python", str(python), "--out", str(peers)]
    served = [
        "--data",
        str(data),
        "--releases",
        str(scratch / "releases"),
        "--release",
        RELEASE,
        "--backends",
        backends,
    ]
    growth = ["--checkpoint", str(model), "--out", str(scratch / "retrieval"), "--sizes", *sizes.split(",")]
    return {
        "peers": Part("peers", "benchmarks.peers", sides, peers),
        "retrieval": Part("retrieval", "benchmarks.retrieval", growth, scratch / "retrieval" / "retrieval.json"),
        "service": Part("service", "benchmarks.service", [*served, "--out", str(service)], service),
    }


def _table(lines: list[Line]) -> Table:
    table = Table("", "", "measured", "ratio", "(CPU)", "aim", "", caption="CPU: ratio of processor times")
    for line in lines:
        ratios = ["" if ratio is None else f"{ratio:.2g}" for ratio in (line.ratio, line.cpu_ratio)]
        reached = {True: "reached", False: "missed", None: ""}[line.reached]
        table.add_row(line.part, line.name, line.measured, *ratios, line.aim, reached)
    return table


if __name__ == "__main__":
    app()
