"""The growth curves of benchmarks/retrieval.py, as PNG and SVG."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

TARGET_MS = 10.0


def plot(result: Mapping[str, Any], folder: Path) -> None:
    """Draw time and memory over the number of items, a line for each index; writes growth.png and growth.svg."""
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.5))
    lines = sorted({(row["index"], row["strategy"], row["norm"]) for row in result["rows"]})
    for line in lines:
        rows = sorted(
            (r for r in result["rows"] if (r["index"], r["strategy"], r["norm"]) == line), key=lambda r: r["items"]
        )
        sizes = [row["items"] for row in rows]
        for axis, name in zip(axes, ("p50_cpu_ms", "megabytes"), strict=True):
            axis.plot(sizes, [row[name] for row in rows], marker="o", label="{}, {} {}".format(*line))
    axes[0].axhline(TARGET_MS, color="grey", linestyle=":", label=f"{TARGET_MS:.0f} ms")
    for axis, label in zip(axes, ("processor time of a query, median, ms", "index, MB"), strict=True):
        axis.set(xscale="log", yscale="log", xlabel="items", ylabel=label)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    shape = result["shape"]
    figure.suptitle(
        f"Top 10 of one user, {shape['preferences']} preferences, d = {shape['embedding_size']}, one thread"
    )
    figure.tight_layout()
    for suffix in ("png", "svg"):
        figure.savefig(folder / f"growth.{suffix}", dpi=120, metadata={"Date": None} if suffix == "svg" else None)
    pyplot.close(figure)
