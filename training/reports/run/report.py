"""From a finished run to its report: RUN/report.html, and RUN/pictures/ with each picture as PNG and SVG."""

import shutil
from collections.abc import Callable
from pathlib import Path

import torch

from training.data.dataset import Dataset
from training.reports.results import ReportError
from training.reports.run.finished import FinishedRun, read_run
from training.reports.run.html import Section, page
from training.reports.run.item_map import map_section
from training.reports.run.learning import learning
from training.reports.run.people import people_section
from training.reports.run.preferences import preferences_section
from training.reports.run.relations import relations_section
from training.reports.run.sources import audit_section, data_section, settings_section

REPORT, PICTURES = "report.html", "pictures"
Say = Callable[[str], None]


def run_report(
    folder: Path,
    dataset: Dataset,
    release: Path | None = None,
    say: Say = lambda _: None,
    device: torch.device | None = None,
) -> Path:
    """Write the report of a finished run, and replace an older one with its pictures; gives the path of the page.

    What is measured is measured on validation, as the run was; on test for a refit, which learnt from validation.
    `release` names whose audit of reasons is shown.

    Raises:
        ReportError: the run is not finished or of other data, the release has no audit, pictures stand there that
            are of no report, or matplotlib is missing.
        CheckpointError: the checkpoint is not sound.
        FloatingPointError: a score is not a number.
    """
    if (folder / PICTURES).exists() and not (folder / REPORT).is_file():
        raise ReportError(f"{folder / PICTURES} is there without a {REPORT}, so it is not ours to replace; move it")
    run = read_run(folder, dataset, device)
    run.checkpoint.model.eval()
    aside = folder / f".{PICTURES}.partial"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    sections = _sections(run, release, aside, say)
    text = page(f"{run.dataset.name}: {run.checkpoint.model_name}", _lead(run), sections, aside)
    # The page comes first, and needs no pictures: by it they are known as ours.
    (folder / REPORT).write_text(text, encoding="utf-8")
    shutil.rmtree(folder / PICTURES, ignore_errors=True)
    aside.rename(folder / PICTURES)
    return folder / REPORT


def _sections(run: FinishedRun, release: Path | None, pictures: Path, say: Say) -> list[Section]:
    say("losses and validation")
    sections = learning(run, pictures)
    for what, make in (
        ("lists by activity", people_section),
        ("facts by relation", relations_section),
        ("preferences", preferences_section),
        ("map of items", map_section),
    ):
        say(what)
        sections.append(make(run, pictures))
    say("data and settings")
    return [*sections, audit_section(run, release, pictures), data_section(run), settings_section(run)]


def _lead(run: FinishedRun) -> str:
    history = run.history
    seconds = sum(float(record.get("seconds", 0)) for record in history)
    kind = "Refit" if run.settings.get("refit") else "Run"
    return (
        f"{kind} of {len(history)} epochs in {seconds:.0f} s of training; epoch {run.best_epoch} was kept, by "
        f"{run.checkpoint.manifest['selected_on']}. Protocol {run.protocol.name}, seed {run.settings['seed']}; figures "
        f"below are of the {run.split} split."
    )
