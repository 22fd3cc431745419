"""Every benchmark of speed in one process tree: what to run, and how its files become one table of ratios."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RETRIEVAL_RECALL, RETRIEVAL_MS = 0.99, 10.0


class BenchmarkFailed(Exception):
    """A benchmark ended with an error; the message holds its command and the end of what it said."""


@dataclass(frozen=True)
class Line:
    """One line of the table. `ratio` is of wall times, `cpu_ratio` of processor times; null where there is none.

    `aim` is the ratio, or the figure of `measured`, that is aimed at.
    """

    part: str
    name: str
    measured: str
    ratio: float | None
    cpu_ratio: float | None
    aim: str
    reached: bool | None


@dataclass(frozen=True)
class Part:
    """One benchmark: the module that measures and what it is called with; it writes `file`."""

    name: str
    module: str
    arguments: Sequence[str]
    file: Path

    def run(self) -> dict[str, Any]:
        """Run it as a process of its own, on one thread.

        Raises:
            BenchmarkFailed: it ended with an error, or wrote nothing.
        """
        call([sys.executable, "-m", self.module, *self.arguments])
        if not self.file.is_file():
            raise BenchmarkFailed(f"{self.module} wrote no {self.file.name}")
        found: dict[str, Any] = json.loads(self.file.read_text(encoding="utf-8"))
        return found


def call(command: Sequence[str]) -> None:
    """Run a command at the root of the repository; what it says goes to the terminal's error stream.

    Raises:
        BenchmarkFailed: it ended with an error.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False)
    if done.returncode:
        raise BenchmarkFailed(f"{' '.join(map(str, command[1:]))} ended with {done.returncode}")


def revision() -> str:
    """Name the commit that is measured, with "+changes" where tracked files differ from it; "unknown" outside git."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode:
        return "unknown"
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD"], check=False).returncode
    return head.stdout.strip() + ("+changes" if changed else "")


def lines_of(parts: Mapping[str, Mapping[str, Any]]) -> list[Line]:
    """Give the table of all that was measured, in the order training, retrieval, service."""
    readers = {"peers": _peers, "retrieval": _retrieval, "service": _service}
    return [line for name, read in readers.items() if name in parts for line in read(parts[name])]


def _peers(found: Mapping[str, Any]) -> Iterator[Line]:
    for one in found["measurements"]:
        aim, ratio = one["target"], one["cpu_ratio"]
        told = (
            f"{one['ours']['per_cpu_second']:,.0f} against {one['theirs']['per_cpu_second']:,.0f} {one['unit']}/CPU s"
        )
        reached = None if aim is None else ratio >= aim
        spelt = "" if aim is None else f"{aim:g}"
        yield Line("training, ranking", f"{one['name']} / {one['peer']}", told, one["ratio"], ratio, spelt, reached)


def _retrieval(found: Mapping[str, Any]) -> Iterator[Line]:
    scans = {(row["items"], row["strategy"], row["norm"]): row for row in found["rows"] if row["index"] == "scan"}
    for row in found["rows"]:
        if row["index"] != "cells":
            continue
        scan = scans.get((row["items"], row["strategy"], row["norm"]))
        ratio = None if scan is None else scan["p50_cpu_ms"] / row["p50_cpu_ms"]
        name = f"{row['items']:,} items, cells / exact scan"
        told = f"recall@10 {row['recall']:.3f}, p50 {row['p50_cpu_ms']:.1f} ms, {row['megabytes']:,.0f} MB"
        reached = row["recall"] >= RETRIEVAL_RECALL and row["p50_cpu_ms"] <= RETRIEVAL_MS
        aim = f"recall {RETRIEVAL_RECALL}, {RETRIEVAL_MS:.0f} ms"
        yield Line("retrieval", name, told, None, ratio, aim, reached)


def _service(found: Mapping[str, Any]) -> Iterator[Line]:
    targets = found["targets"]
    for backend, result in found["backends"].items():
        part = f"service, {backend}"
        stack = result["cached"]["ratios"]["stack"]
        told = f"{result['cached']['sides']['cached']['per_cpu_second']:,.0f} answers/CPU s"
        name = "cached answer / the same app sending ready bytes"
        ratios = stack["per_second"], stack["per_cpu_second"]
        yield Line(part, name, told, *ratios, f"{targets['cached']:g}", ratios[1] >= targets["cached"])
        for kind, one in result["batch"].items():
            name = f"batch of {one['users']} / one by one, explain={kind}"
            told = f"{one['batch_seconds']:.2f} s"
            reached = one["cpu_ratio"] >= targets["batch"]
            yield Line(part, name, told, one["ratio"], one["cpu_ratio"], f"{targets['batch']:g}", reached)
        p99 = result["computed"]["summary"]["p99_ms"]
        aim, name = targets["p99_ms"], "computed with reasons at half of saturation, p99"
        yield Line(part, name, f"{p99:.0f} ms", None, None, f"{aim:g} ms", p99 <= aim)
        ready = result["workers"][min(result["workers"], key=int)]["ready_seconds"]
        aim = targets["ready_seconds"]
        yield Line(part, "start to ready", f"{ready:.1f} s", None, None, f"{aim:g} s", ready <= aim)
