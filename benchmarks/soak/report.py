"""The figures of a load by pieces of time, and their plot."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.soak.traffic import Seen
from training.reports.figures.style import BLUE, GREY, VERMILLION, new_figure, one_sided

WINDOW_SECONDS = 5.0


def windows(seen: Seen) -> list[dict[str, float]]:
    """Sum the answers up by pieces of time: how many, and within how many milliseconds."""
    at, took, found = np.array(seen.at), np.array(seen.milliseconds), []
    for start in np.arange(0, at.max() + 1e-9, WINDOW_SECONDS):
        inside = took[(at >= start) & (at < start + WINDOW_SECONDS)]
        if len(inside):
            p50, p99 = (round(float(np.percentile(inside, share)), 2) for share in (50, 99))
            found.append({"second": float(start), "answers": len(inside), "p50_ms": p50, "p99_ms": p99})
    return found


def percentiles(seen: Seen) -> dict[str, float]:
    """Give p50, p99 and the slowest of all answers, in milliseconds."""
    shares = {f"p{share}_ms": float(np.percentile(seen.milliseconds, share)) for share in (50, 99)}
    return {name: round(value, 2) for name, value in {**shares, "max_ms": max(seen.milliseconds)}.items()}


def plot(result: dict[str, Any], path: Path) -> None:
    """Draw p50 and p99, and the memory, over the time; a thin line for each swap."""
    seconds = [window["second"] for window in result["windows"]]
    with new_figure(8, 5) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True)
        for share, colour in (("p50_ms", GREY), ("p99_ms", BLUE)):
            label = f"{share.removesuffix('_ms')}, ms"
            upper.plot(seconds, [window[share] for window in result["windows"]], color=colour, label=label)
        times, memory = zip(*result["memory_mib"], strict=True)
        lower.plot(times, memory, color=VERMILLION, label="memory (PSS), MiB")
        for axes in (upper, lower):
            for at, _, _ in result["swaps"]:
                axes.axvline(at, color=GREY, linewidth=0.5, alpha=0.5)
            axes.set_ylim(bottom=0)
            axes.legend(loc="lower right")
            one_sided(axes)
        lower.set_xlabel("seconds; each thin line is a swap of the release")
        figure.savefig(path)
