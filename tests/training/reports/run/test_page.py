"""The page of a run: one file, read without eyes, that stands for one run and no other."""

import base64
import io
import re
import shutil
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.training import planted
from tests.training.reports.run.conftest import NAME
from training.cli import app
from training.data.dataset import Dataset
from training.reports.results import ReportError
from training.reports.run.html import Grid, Section, page
from training.reports.run.report import PICTURES, REPORT, run_report

Trained = Callable[[str], Path]
DRAWN = {"losses", "metrics", "correlation", "activity", "relations", "preferences", "items"}


class Seen(HTMLParser):
    """Collects what a browser would load, and what a screen reader would say."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append((tag, values))
        if "id" in values:
            self.ids.add(values["id"])

    def all(self, tag: str) -> list[dict[str, str]]:
        return [values for name, values in self.tags if name == tag]


@pytest.fixture(scope="module")
def text(trained: Trained, data: Dataset) -> str:
    return run_report(trained("ktup"), data).read_text(encoding="utf-8")


def test_the_page_needs_no_other_file_and_runs_nothing(text: str) -> None:
    seen = Seen(text)
    assert not seen.all("script")
    assert not seen.all("link")
    assert "@import" not in text
    assert "url(" not in text
    for _, values in seen.tags:
        assert values.get("href", "#").startswith("#")
        assert values.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
        assert not any(name.startswith("on") for name in values)


def test_every_picture_is_whole_and_told_in_words_with_its_figures(text: str) -> None:
    pictures = Seen(text).all("img")
    assert len(pictures) == len(DRAWN)
    for picture in pictures:
        with Image.open(io.BytesIO(base64.b64decode(picture["src"].partition(",")[2]))) as image:
            image.load()
            assert image.width >= 1000
        assert len(picture["alt"]) > 40
        assert re.search(r"\d", picture["alt"])


def test_every_link_leads_to_a_heading_and_names_are_no_markup(text: str) -> None:
    seen = Seen(text)
    links = [link["href"][1:] for link in seen.all("a")]
    assert len(links) == 10
    assert set(links) <= seen.ids
    assert NAME not in text
    assert "&lt;b&gt;films&lt;/b&gt;: ktup" in text
    assert seen.all("html")[0]["lang"] == "en"


def test_pictures_lie_beside_the_page_as_png_and_svg(trained: Trained, data: Dataset) -> None:
    run_report(trained("ktup"), data)
    names = {path.name for path in (trained("ktup") / PICTURES).iterdir()}
    assert names == {f"{name}.{ending}" for name in DRAWN for ending in ("png", "svg")}


@pytest.mark.parametrize("model", ["refit", "tup", "bprmf", "transe"])
def test_other_runs_have_reports_too_that_say_what_is_missing(trained: Trained, data: Dataset, model: str) -> None:
    text = run_report(trained(model), data).read_text(encoding="utf-8")
    missing = {
        "refit": "Nothing was validated: a refit trains",
        "tup": "tup ranks none",
        "bprmf": "bprmf induces no preferences",
        "transe": "transe has no vectors of items here",
    }
    assert missing[model] in text


def test_numbers_of_a_table_are_escaped_and_scoped() -> None:
    text = page("t", "l", [Section("s", [Grid("c", ["name", "n"], [["<i>", "1 & 2"]])])], Path())
    assert '<th scope="row" class="text">&lt;i&gt;</th><td>1 &amp; 2</td>' in text


def test_an_unfinished_run_and_one_of_other_data_are_refused(trained: Trained, data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="holds no finished run: no checkpoint in it"):
        run_report(tmp_path, data)
    with pytest.raises(ReportError, match=r"was trained on other data than --data: <b>films</b> .*, not planted"):
        run_report(trained("ktup"), planted.dataset())


def call(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})
    return result.exit_code, result.stdout, result.stderr


def test_train_writes_the_report_unless_told_not_to(tmp_path: Path) -> None:
    planted.dataset().save(tmp_path / "data")
    (tmp_path / "s.toml").write_text('epochs = 1\nmodel = { name = "ktup", embedding_size = 4 }\n')
    training = ["train", "--data", tmp_path / "data", "--preset", tmp_path / "s.toml", "--out"]
    code, out, err = call(*training, tmp_path / "told")
    assert code == 0, err
    assert f"report: {tmp_path / 'told' / REPORT}" in out
    assert (tmp_path / "told" / REPORT).is_file()
    code, out, err = call(*training, tmp_path / "quiet", "--no-report")
    assert code == 0, err
    assert "report: " not in out
    assert not (tmp_path / "quiet" / REPORT).exists()
    code, out, err = call("report", "run", tmp_path / "quiet", "--data", tmp_path / "data")
    assert (code, out) == (0, f"Written to {tmp_path / 'quiet' / REPORT}\n"), err


def test_a_run_without_matplotlib_ends_well_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted.dataset().save(tmp_path / "data")
    (tmp_path / "s.toml").write_text('epochs = 1\nmodel = { name = "ktup", embedding_size = 4 }\n')
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as where it is not installed
    code, out, err = call(
        "train", "--data", tmp_path / "data", "--preset", tmp_path / "s.toml", "--out", tmp_path / "run"
    )
    assert code == 0, err
    assert out.startswith("best epoch 1 of 1")
    assert "note: no report: plots need matplotlib: pip install --group report" in err
    assert (tmp_path / "run" / "checkpoint").is_dir()


def test_a_release_without_an_audit_is_refused_in_words(trained: Trained, data: Dataset, tmp_path: Path) -> None:
    data.save(tmp_path / "data")
    code, _, err = call(
        "report", "run", trained("ktup"), "--data", tmp_path / "data", "--release", tmp_path / "nothing"
    )
    assert code == 2
    assert f"error: {tmp_path / 'nothing'} has no audit" in err


def test_pictures_that_are_of_no_report_are_never_removed(trained: Trained, tmp_path: Path) -> None:
    run = Path(shutil.copytree(trained("ktup"), tmp_path / "run"))
    (run / REPORT).unlink(missing_ok=True)
    shutil.rmtree(run / PICTURES, ignore_errors=True)
    (run / PICTURES).mkdir()
    (run / PICTURES / "wedding.png").write_text("mine")
    with pytest.raises(ReportError, match=r"pictures is there without a report\.html, so it is not ours to replace"):
        run_report(run, planted.dataset())
    assert [path.name for path in (run / PICTURES).iterdir()] == ["wedding.png"]
