"""From what the sides measured to lines of ratios."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.peers.measuring import Measurement

Found = Mapping[str, Measurement]


@dataclass(frozen=True)
class Line:
    """One comparison: the measurement of ours, those of the peer that do the same, and the ratio that is aimed at.

    Where a peer needs two measurements for one thing of ours (a step of either task), their times are added.
    """

    name: str
    unit: str
    peer: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    target: float | None = None


KTUP_TURNS = ("ktup rows", "ktup triples")
LINES = (
    Line("KTUP, interactions", "rows", "recbole", ("ktup rows",), ("ktup rows",), 5),
    Line("KTUP, triples", "rows", "recbole", ("ktup triples",), ("ktup triples",), 5),
    Line("KTUP, one of each, in turns", "pairs", "recbole", KTUP_TURNS, KTUP_TURNS, 5),
    Line("KTUP, one of each, 64 negatives against 1", "pairs", "recbole", ("ktup as shipped",), KTUP_TURNS),
    Line("BPRMF, interactions", "rows", "recbole", ("bprmf rows",), ("bprmf rows",), 2),
    Line("KTUP, ranking", "users", "recbole", ("ktup ranking",), ("ktup ranking",), 20),
    Line("BPRMF, ranking", "users", "recbole", ("bprmf ranking",), ("bprmf ranking",)),
    Line("TransH, triples", "rows", "pykeen", ("transh triples",), ("transh triples",), 20),
    Line("TransH, ranking", "triples", "pykeen", ("transh ranking",), ("transh ranking",)),
)


def rate(found: Found, names: Sequence[str], clock: str) -> float:
    """Give units per second of work that needs each of the named measurements once.

    >>> rate({"a": {"amount": 8, "seconds": 1}, "b": {"amount": 8, "seconds": 3}}, ("a", "b"), "seconds")
    2.0
    """
    return 1 / sum(found[name][clock] / found[name]["amount"] for name in names)


def compare(ours: Sequence[Found], theirs: Mapping[str, Sequence[Found]]) -> list[dict[str, Any]]:
    """Give a record for each line whose peer was measured; rates are medians over the rounds."""
    return [_record(line, ours, theirs[line.peer]) for line in LINES if line.peer in theirs]


def _record(line: Line, ours: Sequence[Found], theirs: Sequence[Found]) -> dict[str, Any]:
    mine, others = _rates(ours, line.ours), _rates(theirs, line.theirs)
    return {
        "name": line.name,
        "unit": line.unit,
        "peer": line.peer,
        "ours": mine,
        "theirs": others,
        "ratio": mine["per_second"] / others["per_second"],
        "cpu_ratio": mine["per_cpu_second"] / others["per_cpu_second"],
        "target": line.target,
    }


def _rates(rounds: Sequence[Found], names: Sequence[str]) -> dict[str, Any]:
    return {
        "per_second": median(rate(found, names, "seconds") for found in rounds),
        "per_cpu_second": median(rate(found, names, "cpu_seconds") for found in rounds),
    }


def share_of_core(rounds: Sequence[Found]) -> float:
    """Give the least share of the wall time in which a side had the core: near 1 on a quiet machine."""
    return min(m["cpu_seconds"] / m["seconds"] for found in rounds for m in found.values())
