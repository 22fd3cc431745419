"""Pages that are made of the sources are what the sources make; every page is in the site, which loads nothing else."""

import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from app.settings import Settings
from documentation.__main__ import main, stale_pages
from documentation.api import operations, requests
from documentation.pages import ROOT, made_pages
from documentation.settings import kind
from documentation.site import write_config
from models.checkpoint import MODEL
from models.registry import FAMILIES, REGISTRY
from models.release import CALIBRATION, INDEX, RELEASE_FORMAT, ROLES, SERVING
from models.release_audit import AUDIT
from models.release_users import IDS
from tests.docs.blocks import pages
from training.config import TrainingConfig, preset_names
from training.presets import load_recipe
from training.setting_names import names_of

SECTIONS = ("recommendation", "completion", "optimiser", "validation")


def test_no_made_page_is_stale() -> None:
    assert stale_pages() == [], "run `make docs-pages`"


def test_every_setting_command_and_call_has_its_place() -> None:
    made = made_pages()
    for name in Settings.model_fields:
        assert f"| `KTUP_{name.upper()}` |" in made["docs/reference/settings.md"]
    for command in ("train", "evaluate", "report run", "serve", "keys create", "call"):
        assert f"### `{command}`" in made["docs/reference/cli.md"]


def test_every_setting_of_training_is_told_with_what_it_does() -> None:
    page = made_pages()["docs/reference/training-settings.md"]
    names = [name for name in names_of(TrainingConfig) if name not in ("model", *SECTIONS)]
    assert len(names) > 30
    for name in names:
        (told,) = re.findall(
            rf"^\| `{re.escape(name)}` \| ([^|]+) \| (?:`[^`]+`)? \| ([^|]+.*) \|$", page, re.MULTILINE
        )
        assert all(part.strip() for part in told), name
    for name, entry in {**REGISTRY, **FAMILIES}.items():
        (section,) = [part for part in page.split("\n### ") if f"`{name}`" in part.split("\n", 1)[0]]
        assert set(re.findall(r"^\| `model\.(\w+)` \|", section, re.MULTILINE)) == {
            f.name for f in fields(entry.config)
        }


def test_the_presets_set_what_the_page_names() -> None:
    page = made_pages()["docs/reference/training-settings.md"]
    for preset in preset_names():
        config = load_recipe(preset, None).config
        assert f"`{preset}`" in page
        assert all(f"| `model.{name}` |" in page for name in config.model_settings)


def test_every_call_of_the_api_has_one_request() -> None:
    from app.routers.api import create_api

    calls = [call for call, _ in operations(create_api().openapi())]
    assert sorted(request.call for request in requests()) == sorted(calls)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 64}, "whole number, 1 to 64"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 60}, "number, above 0 to 60"),
        ({"type": "integer", "minimum": 65536}, "whole number, at least 65,536"),
        ({"type": "number", "minimum": 0.5}, "number, at least 0.5"),
        ({"anyOf": [{"type": "string", "format": "path"}, {"type": "null"}]}, "path"),
        ({"enum": ["auto", "open"]}, "`auto`, `open`"),
    ],
)
def test_a_value_is_told_with_its_limits(schema: dict[str, object], words: str) -> None:
    assert kind(schema) == words


@pytest.mark.parametrize("name", ["hyperplane", "joint-graph"])
def test_a_picture_says_in_words_what_it_shows(name: str) -> None:
    root = ElementTree.fromstring(made_pages()[f"docs/pictures/{name}.svg"])
    words = {element.tag.rpartition("}")[2]: element.text for element in root if element.text}
    assert len(words["desc"] or "") > 100
    assert words["title"]


class Loaded(HTMLParser):
    """What a browser fetches without being asked."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("script", "img", "iframe", "source") and values.get("src"):
            self.found.append(values["src"] or "")
        if tag == "link" and values.get("rel") in ("stylesheet", "preload", "preconnect", "icon"):
            self.found.append(values.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    config = tmp_path_factory.mktemp("site") / "zensical.toml"
    write_config(config)
    write_config(config)  # replaces its own copy
    call = [str(Path(sys.executable).with_name("zensical")), "build", "--strict", "-f", str(config)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return config.parent / "site"


def test_every_page_of_the_docs_is_in_the_site_and_its_navigation(site: Path) -> None:
    nav = str(tomllib.loads((site.parent / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"])
    for path in (ROOT / "docs").rglob("*.md"):
        page = path.relative_to(ROOT / "docs")
        assert f"'{page.as_posix()}'" in nav
        assert (site / page.with_suffix(".html")).is_file()


def test_no_page_of_the_site_loads_anything_from_elsewhere(site: Path) -> None:
    found = {(path.name, url) for path in site.rglob("*.html") for url in Loaded(path.read_text("utf-8")).found}
    assert any(url.endswith(".css") for _, url in found)
    assert not [(page, url) for page, url in found if url.startswith(("http:", "https:", "//"))]


def test_a_dead_link_stops_the_build(site: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# A\n\n[b](b.md)\n", encoding="utf-8")
    (tmp_path / "zensical.toml").write_text('[project]\nsite_name = "A"\n', encoding="utf-8")
    call = [str(Path(sys.executable).with_name("zensical")), "build", "--strict", "-f", str(tmp_path / "zensical.toml")]
    assert subprocess.run(call, capture_output=True, check=False).returncode != 0


def test_pages_have_one_title_each() -> None:
    for path in pages():
        text = path.read_text(encoding="utf-8")
        assert text.lstrip().startswith("# "), f"{path}: a page begins with its title"


def test_the_page_of_releases_names_the_version_that_is_written() -> None:
    page = (ROOT / "docs" / "reference" / "release-format.md").read_text(encoding="utf-8")
    assert f"| `format_version`, `kind` | {RELEASE_FORMAT}, and `release`;" in page
    for name in (MODEL, INDEX, ROLES, CALIBRATION, SERVING, IDS, AUDIT):
        assert f"`{name}" in page


def test_a_folder_of_docs_that_is_no_copy_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "thesis.md").write_text("years of work")
    assert main(["config", str(tmp_path / "zensical.toml")]) == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["docs", "thesis.md"]
