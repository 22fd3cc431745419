"""What a run was made of: settings, data set with what its import kept and dropped; and the audit of reasons."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.checkpoint import MANIFEST, read_manifest
from models.release_audit import AUDIT, read_audit
from training.data.schema import SPLITS
from training.reports.markdown import number
from training.reports.results import ReportError
from training.reports.run.finished import FinishedRun
from training.reports.run.html import Grid, Picture, Section

_SHOWN_DROPS = 30


def settings_section(run: FinishedRun) -> Section:
    """Give every setting of the run, and what it began from."""
    model = run.checkpoint.manifest["model"]
    rows = [[f"model.{name}", str(value)] for name, value in model["config"].items()]
    rows += [[name, str(value)] for name, value in _flat(run.settings) if not name.startswith("model")]
    began = [str(source["model"]["name"]) for source in run.checkpoint.manifest.get("warm_starts", [])]
    text = f"It began from {' and '.join(began)}." if began else "It began from nothing."
    return Section("Settings", [text, Grid("Settings", ["setting", "value"], rows, text_columns=2)])


def _flat(settings: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def data_section(run: FinishedRun) -> Section:
    """Give the data set's sizes and splits, and what its import dropped and why."""
    manifest = run.dataset.manifest
    splits = manifest.split_counts
    rows = [
        [
            name,
            f"{count:,}",
            *(f"{splits[name][part]:,}" if name in splits else "" for part in SPLITS),
        ]
        for name, count in manifest.counts.items()
    ]
    parts: list[str | Picture | Grid] = [
        f"{run.dataset.name}, from {manifest.source_format}, made {manifest.created_at:%Y-%m-%d}; content "
        f"{manifest.content_hash[:12]}.",
        Grid("Rows of the data set", ["table", "rows", *SPLITS], rows),
    ]
    return Section("Data", [*parts, *_import(run)])


def _import(run: FinishedRun) -> list[str | Picture | Grid]:
    report = run.dataset.manifest.report
    if report is None:
        return ["No import made this data set, so there is no report of one."]
    files = [[f.name, f.encoding, f"{f.rows_read:,}", f"{f.rows_kept:,}"] for f in report.files]
    drops = [
        [
            *(f"{f.name}: {d.reason}", "malformed" if d.malformed else ""),
            f"{d.rows:,}",
            ", ".join(map(str, d.first_lines)),
        ]
        for f in report.files
        for d in f.dropped
    ]
    a = report.alignment
    parts: list[str | Picture | Grid] = [
        Grid("Files of the import", ["file", "encoding", "rows read", "kept"], files, text_columns=2)
    ]
    if drops:
        parts.append(Grid("Rows left out", ["why", "", "rows", "first lines"], drops[:_SHOWN_DROPS], text_columns=2))
    parts.append(
        f"{a.aligned_items:,} of {a.items:,} items are tied to an entity; "
        f"{a.interactions_on_aligned_items:,} of {a.interactions:,} interactions are with those."
    )
    return [*parts, *(f"Warning of the import: {warning}" for warning in report.warnings)]


def audit_section(run: FinishedRun, release: Path | None, pictures: Path) -> Section:
    """Give the audit of a release's reasons, if one is named that has one.

    Raises:
        ReportError: the release is of other data, or has no audit.
        CheckpointError: it is no release.
    """
    title = "Are its reasons true?"
    if release is None:
        return Section(title, ["No release was named; `report run RUN --data DATA --release RELEASE` shows its audit."])
    found = read_audit(release)
    if found is None:
        raise ReportError(f"{release} has no audit; `python -m training audit --release {release}` makes it")
    content = read_manifest(release)["dataset"]["content_hash"]
    if content != run.indexed.content_hash:
        raise ReportError(f"{release / MANIFEST}: of other data than the run: {content[:12]}")
    parts: list[str | Picture | Grid] = [_audit_table(found)]
    for name, caption in (("masking", "Ranks lost when the named preference is masked, and a random other one."),):
        picture = release / AUDIT / f"{name}.png"
        if picture.is_file():
            (pictures / f"audit-{name}.png").write_bytes(picture.read_bytes())
            parts.append(Picture(f"audit-{name}", _masked(found), caption))
    return Section(title, [f"Audit of release {found['release']}, {found['all']['pairs']:,} pairs.", *parts])


def _masked(found: dict[str, Any]) -> str:
    drop = found["all"]["masking"]["rank_drop"]
    means = [number(drop[f"{which}_mean"], 1) for which in ("named", "random")]
    return f"Mean ranks lost: {means[0]} with the named preference masked, {means[1]} with a random other one masked."


def _audit_table(found: dict[str, Any]) -> Grid:
    every = found["all"]
    told = {
        "reasons that are grounded": every["grounded"],
        "pairs all of whose cited facts are stored": every["evidence"]["all_stored"],
        "told twice, the same": every["stable"],
        "counterfactual found, of those in the reference": every["counterfactual"]["found_in_reference"],
        "found ones verified": every["counterfactual"]["verified"],
    }
    rows = [[name, "–" if value is None else number(100 * value, 1)] for name, value in told.items()]
    return Grid("Audit of the reasons, percent", ["", "share"], rows)
