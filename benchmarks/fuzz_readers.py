"""Damage the sample files of every reader and read them: whole books or one clear error, nothing else, ever.

    python -m benchmarks.fuzz_readers --inputs 100000 --seed 1 --out benchmarks/results/fuzz-readers.json

A failure is an exception that is no `DatasetError`, a row that is neither kept nor dropped, a line of a file that its
report does not count, or a read that takes more than 20 seconds of processor time. Each is printed with the seed that
makes its input again (`--only SEED`). The samples are those of tests/cases/files/samples.toml; new readers join there.
"""

import json
import random
import re
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.machine import describe_machine
from training.data.errors import DatasetError
from training.data.ledger import Ledger
from training.data.readers import READERS
from training.data.readers.base import ReadOptions
from training.data.readers.source import Source
from training.data.report import FileReport

CASES = Path(__file__).parents[1] / "tests" / "cases" / "files"
SECONDS = 20
PIECES: tuple[bytes, ...] = (
    b"\t",
    b",",
    b";",
    b"|",
    b"::",
    b'"',
    b'""',
    b"\\",
    b'\\"',
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b" ",
)
PIECES += (b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\xe9", "é\u2028".encode(), b"\x1f", b"\xed\xa0\x80", b"\\ud800")
PIECES += (b"-1", b"0", b"9" * 30, b"nan", b"inf", b"1e999", b"null", b"[]", b"{}", b"[" * 2_000, b"0\t0\t0", b'"a\nb"')
PIECES += (b"#", b"<>", b"^^", b"@en", b".", b"_:x", b"\\u0000", b":token")
SEPARATORS = (b"\t", b",", b";", b"|", b"::", b" ", b"  ")

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Sample:
    """Whole files of one reader.

    Attributes:
        reader: its name.
        files: name -> bytes.
        headers: for files whose lines are rows, how many of them are none: name -> 0 or 1.
    """

    reader: str
    files: Files
    headers: Mapping[str, int]


@dataclass(frozen=True)
class Trial:
    """One damaged source and how it is read."""

    reader: str
    files: Files
    max_bad_share: float
    encoding: str | None


def samples() -> list[Sample]:
    """Give the sample of each reader that samples.toml lists."""
    listed = tomllib.loads((CASES / "samples.toml").read_text())
    return [_sample(name, CASES / entry["path"], entry) for name, entry in listed.items()]


def draw(sample: Sample, seed: int) -> Trial:
    """Damage one to three places of one or two files, by chance; the same seed makes the same trial."""
    chance = random.Random(seed)
    files = dict(sample.files)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3))):
        name = chance.choice(sorted(files))
        files[name] = _damaged(files[name], chance)
    if chance.random() < 0.02:
        del files[chance.choice(sorted(files))]
    return Trial(sample.reader, files, chance.choice((0.01, 0.5, 1.0)), chance.choice((None, "latin-1")))


def outcome(trial: Trial, folder: Path, headers: Mapping[str, int] | None = None) -> str:
    """Read a trial and give `read`, or the name of the `DatasetError`.

    Args:
        trial: what to read.
        folder: an empty directory; it is left with the files of the trial.
        headers: as in `Sample`; the books must count every line of these files.

    Raises:
        AssertionError: a line is not counted.
        Exception: anything that the reader should not have let through.
    """
    for name, data in trial.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    ledger = Ledger(trial.max_bad_share)
    try:
        reader = READERS[trial.reader]
        reader.recognise(Source.of(folder))
        raw = reader.read(Source.of(folder), ReadOptions(trial.encoding), ledger)
    except DatasetError as error:
        return type(error).__name__
    for rows in (raw.interactions, raw.triples, raw.links):
        ledger.keep(rows)
    for report in ledger.reports():  # fails where a row is neither kept nor dropped
        if report.name in (headers or {}):
            _check_lines(report, trial.files[report.name], (headers or {})[report.name])
    return "read"


def _sample(reader: str, root: Path, entry: Mapping[str, object]) -> Sample:
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    headers = entry.get("headers", {})
    assert isinstance(headers, dict)
    return Sample(reader, files, headers)


def _check_lines(report: FileReport, data: bytes, header: int) -> None:
    """Hold a report against the lines that are in the file; a CSV file whose quotes may join lines is passed over."""
    if report.name.endswith(".csv") and (b'"' in data or b"\\" in data):
        return
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines = re.split(r"\r\n|\r|\n", text)
    lines = lines[:-1] if not lines[-1] else lines
    missed = len(lines) - report.rows_read - report.blank_lines
    assert missed == header or (missed == 0 and report.rows_read == 0), (
        f"{report.name}: {len(lines)} lines, {report.rows_read} rows, {report.blank_lines} blank, header {header}"
    )


def _damaged(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    lines = data.splitlines(keepends=True) or [b""]
    line = chance.randrange(len(lines))
    match chance.randrange(12):
        case 0 | 1:  # bits of one byte
            return data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
        case 2 | 3 | 4:  # something strange in place of a few bytes
            return data[:place] + chance.choice(PIECES) + data[place + chance.randrange(6) :]
        case 5:  # cut short
            return data[:place]
        case 6:  # a line twice
            return b"".join([*lines[: line + 1], *lines[line:]])
        case 7:  # a line less
            return b"".join([*lines[:line], *lines[line + 1 :]])
        case 8:  # another separator, in a line or everywhere
            old, new = chance.choice(SEPARATORS), chance.choice(SEPARATORS)
            if chance.random() < 0.5:
                return data.replace(old, new)
            return b"".join([*lines[:line], lines[line].replace(old, new), *lines[line + 1 :]])
        case 9:  # a huge field
            field = chance.choice(
                (b"x" * 50_000, b"9" * 50_000, b'"' * 20_000, b"\xc3\xa9" * 20_000, b"," * 999, b"\t" * 999)
            )
            return data[:place] + field + data[place:]
        case 10:  # other line ends, another encoding
            way = chance.choice((b"\r\n", b"\r", b"\n\n", b"\0\n"))
            return data.replace(b"\n", way) if chance.random() < 0.7 else data.decode("latin-1").encode("utf-16")
        case _:  # the lines in another order, the header with them
            chance.shuffle(lines)
            return b"".join(lines)


@contextmanager
def _no_longer_than(seconds: int) -> Iterator[None]:
    """Stop what takes more processor time, or hangs for ten times as long; a busy machine alone is no reason."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {seconds} s")

    for timer, number, limit in (
        (signal.ITIMER_PROF, signal.SIGPROF, seconds),
        (signal.ITIMER_REAL, signal.SIGALRM, 10 * seconds),
    ):
        signal.signal(number, stop)
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def main(
    inputs: Annotated[int, typer.Option(min=1, help="Damaged sources, over all readers.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the first; each next one has the next.")] = 1,
    only: Annotated[int | None, typer.Option(help="Read the input of this seed alone.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the figures go, as JSON.")] = None,
) -> None:
    """Read damaged files with every reader in turn; exit code 1 where one fails."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    ours, began = samples(), time.monotonic()
    results = {sample.reader: Counter[str]() for sample in ours}
    failures = 0
    for number in [only] if only is not None else range(seed, seed + inputs):
        sample = ours[number % len(ours)]
        try:
            with tempfile.TemporaryDirectory() as folder, _no_longer_than(SECONDS):
                results[sample.reader][outcome(draw(sample, number), Path(folder), sample.headers)] += 1
        except KeyboardInterrupt:  # Ctrl+C, or `kill`: tell what was found so far
            break
        except BaseException as error:
            failures += 1
            results[sample.reader]["FAILURE"] += 1
            print(f"--only {number} ({sample.reader}):", *traceback.format_exception(error)[-3:], sep="\n")
    figures: dict[str, object] = {
        "inputs": sum(sum(counts.values()) for counts in results.values()),
        "failures": failures,
        "seconds": round(time.monotonic() - began, 1),
        "first_seed": seed,
        "outcomes": {reader: dict(sorted(counts.items())) for reader, counts in results.items()},
    }
    print(json.dumps(figures, indent=2))
    if out is not None:
        figures["machine"] = describe_machine(threads=1, packages=("polars",))
        out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    typer.run(main)
