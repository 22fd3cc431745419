"""The README says what is so: its commands run, its targets exist, its answer has the shape of a real one."""

import json
import re
from pathlib import Path
from statistics import fmean

import pytest

from app.schemas.recommendations import RecommendationList
from tests.docs.blocks import Place, free_port, run_page

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
RESULTS = ROOT / "benchmarks" / "results"


def test_every_make_target_that_is_named_exists() -> None:
    named = set(re.findall(r"`?make ([a-z-]+)", README))
    assert {"demo", "test", "bench", "docs"} <= named
    for target in named:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def test_it_is_not_longer_than_two_screens() -> None:
    assert len(README.splitlines()) <= 90


@pytest.mark.slow
def test_what_make_demo_runs_goes_all_the_way_and_the_requests_are_answered(tmp_path: Path) -> None:
    assert "demo: $(STAMP)" in MAKEFILE
    (command,) = re.findall(r"^demo:.*\n\t\$\(BIN\)/(.+)$", MAKEFILE, re.MULTILINE)
    place = Place(tmp_path, free_port())
    place.link_sources()
    try:
        place.run(f"{command} --prepare-only")
        place.run("export KTUP_DATABASE_URL=sqlite+aiosqlite:///var/demo/ktup.db KTUP_RELEASES_DIR=var/demo/releases")
        place.start("python -m app serve")
        assert run_page(ROOT / "README.md", place, answers=False) == 2
    finally:
        place.close()


def test_the_figures_are_those_of_the_results() -> None:
    shown = {
        name: row for name in ("MovieLens-1M", "DBbook2014") for row in README.splitlines() if f"| {name} (" in row
    }
    for name, file, f1_digits in (("MovieLens-1M", "ml1m", 1), ("DBbook2014", "dbbook2014", 2)):
        ours = [
            json.loads(path.read_text("utf-8"))["test"] for path in (RESULTS / f"{file}-best").glob("ktup-soft-seed-*")
        ]
        lists = {metric: fmean(one["recommendation"][metric] for one in ours) for metric in ("f1", "ndcg")}
        assert shown[name].endswith(f"| {100 * fmean(one['completion']['hits'] for one in ours):.1f} |"), name
        rows = {
            row["name"]: row["test"] for row in json.loads((RESULTS / f"baselines-{file}.json").read_text())["rows"]
        }
        ease, popular = rows["EASE"], rows["most popular"]
        for metric, digits in (("f1", f1_digits), ("ndcg", 1)):
            own, other = (f"{100 * figures[metric]:.{digits}f}" for figures in (lists, ease))
            assert f"| **{own}** |" in shown[name] if float(own) > float(other) else f"| {own} |" in shown[name], name
        assert f"| {100 * ease['f1']:.{f1_digits}f} / {100 * ease['ndcg']:.1f} |" in shown[name], name
        assert f"| {100 * popular['f1']:.1f} |" in shown[name], name
        als = rows["ALS (implicit)"]
        assert f"{100 * als['f1']:.{f1_digits}f} / {100 * als['ndcg']:.1f}" in README, name


def test_the_answer_that_is_shown_has_the_shape_of_a_real_one() -> None:
    shown = json.loads(README.split("```json\n")[1].split("```")[0])
    parsed = RecommendationList.model_validate(shown)
    assert set(shown) == set(parsed.model_dump(mode="json"))
    (item,) = parsed.items
    assert item.explanation is not None
    assert item.explanation.evidence


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *sorted(p.name for p in ROOT.glob("docs/*/*.md"))])
def test_every_link_to_a_file_leads_somewhere(page: str) -> None:
    path = next(p for p in [ROOT / page, *ROOT.glob(f"docs/*/{page}")] if p.is_file())
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), f"{page} links to {target}"
