"""The configuration of the site: pages by kind, in the order of their titles; so a new page is never left out."""

import json
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SECTIONS = {"how-to": "How to", "reference": "Reference", "explanation": "Explanation", "decisions": "Decisions"}
FIRST = {"Start": "index.md", "Tutorial": "tutorial.md"}
LAST = {"Experiments": "experiments.md"}
FEATURES = ("content.code.copy", "navigation.indexes", "navigation.sections", "navigation.top", "toc.follow")
EXTENSIONS = (
    "admonition",
    "attr_list",
    "tables",
    "pymdownx.superfences",
    "pymdownx.highlight",
    "pymdownx.inlinehilite",
)


def title_of(path: Path) -> str:
    """Give the first heading of a page, without marks.

    Raises:
        ValueError: the page has none.
    """
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            return re.sub(r"[`*]", "", line[2:]).strip()
    raise ValueError(f"{path}: a page begins with a heading, as in '# A title'")


def pages_of(folder: str) -> list[tuple[str, str]]:
    """Give (title, path within docs) of a folder's pages: an index first, decisions by number, others by title."""
    paths = sorted((DOCS / folder).glob("**/*.md"))
    named = [(title_of(path), path.relative_to(DOCS).as_posix()) for path in paths]
    if folder != "decisions":
        named.sort(key=lambda page: page[0].lower())
    return sorted(named, key=lambda page: not page[1].endswith("index.md"))


def write_config(path: Path) -> None:
    """Write zensical.toml, with a copy of the pages beside it, as it takes none from outside of its own folder.

    The site lands beside it, too. Nothing in it is loaded from elsewhere.

    Raises:
        FileExistsError: a folder "docs" is beside it that is no copy of ours: the pages themselves, say.
    """
    copy = path.parent / "docs"
    if copy.exists() and not path.is_file():
        raise FileExistsError(f"{copy} is there without {path}, so it is not ours to replace")
    path.parent.mkdir(parents=True, exist_ok=True)
    nav: list[object] = [{title: page} for title, page in FIRST.items()]
    nav += [{name: [{title: page} for title, page in pages_of(folder)]} for folder, name in SECTIONS.items()]
    nav += [{title: page} for title, page in LAST.items()]
    lines = [
        "[project]",
        'site_name = "KTUP Recommender"',
        'docs_dir = "docs"',
        'site_dir = "site"',
        "use_directory_urls = false",
        f"nav = {_toml(nav)}",
        "[project.theme]",
        'language = "en"',
        "font = false",
        f"features = {json.dumps(FEATURES)}",
        *_palette("(prefers-color-scheme: light)", "default", "lucide/sun", "Switch to dark"),
        *_palette("(prefers-color-scheme: dark)", "slate", "lucide/moon", "Switch to light"),
        "[project.markdown_extensions]",
        "toc = { permalink = true }",
        *(f"{json.dumps(name) if '.' in name else name} = {{}}" for name in EXTENSIONS),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(DOCS, copy)


def _palette(media: str, scheme: str, icon: str, name: str) -> list[str]:
    return [
        "[[project.theme.palette]]",
        f"media = {json.dumps(media)}",
        f"scheme = {json.dumps(scheme)}",
        f"toggle = {{ icon = {json.dumps(icon)}, name = {json.dumps(name)} }}",
    ]


def _toml(value: object) -> str:
    """Write lists and inline tables of texts."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    return json.dumps(value, ensure_ascii=False)
