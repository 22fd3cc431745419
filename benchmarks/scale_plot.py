"""The growth curves of benchmarks/scale.py, as PNG and SVG."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot


def plot(result: Mapping[str, Any], folder: Path) -> None:
    """Draw memory, building, time and recall over the number of items; writes growth.png and growth.svg."""
    rows = sorted(result["rows"], key=lambda row: row["items"])
    sizes = [row["items"] for row in rows]
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 8))
    lines = {
        "MB": {
            "vectors on disk": [row["vectors_mb"] for row in rows],
            "codes on disk": [row["build"]["megabytes"] for row in rows],
            "own memory of a searching process": [row["search"]["memory"]["anonymous"] for row in rows],
            "PSS of one of two such processes": [row["search"]["memory"]["pss"] for row in rows],
            "own memory that building takes": [row["build"]["peak_mb"] for row in rows],
        },
        "building, seconds of processor time": {"": [row["build"]["cpu_seconds"] for row in rows]},
        "a query, milliseconds": {
            name: [row["search"][key] for row in rows]
            for name, key in (("median, processor", "p50_cpu_ms"), ("p99, processor", "p99_cpu_ms"))
        },
        "recall@10": {"": [row["search"]["recall"] for row in rows]},
    }
    for axis, (label, several) in zip(axes.flat, lines.items(), strict=True):
        for name, values in several.items():
            axis.plot(sizes, values, marker="o", label=name)
        axis.set(xscale="log", yscale="linear" if label.startswith("recall") else "log", xlabel="items", ylabel=label)
        axis.grid(alpha=0.3)
        if len(several) > 1:
            axis.legend(fontsize=8)
    axes[1][1].set_ylim(0.9, 1.005)
    shape = result["shape"]
    figure.suptitle(f"IVF-PQ on one box: {shape['preferences']} preferences, d = {shape['embedding_size']}, one thread")
    figure.tight_layout()
    for suffix in ("png", "svg"):
        figure.savefig(folder / f"growth.{suffix}", dpi=120, metadata={"Date": None} if suffix == "svg" else None)
    pyplot.close(figure)
