"""The pages that are made of the sources, by their paths from the root."""

from pathlib import Path

from documentation.api import api_page
from documentation.cli import cli_page
from documentation.decisions import decisions_page
from documentation.figures import hyperplane, joint_graph
from documentation.settings import settings_page
from documentation.training_settings import training_settings_page

ROOT = Path(__file__).parents[1]
NOTE = "<!-- Made by `make docs-pages` from {source}; change that, not this. -->\n\n"


def made_pages() -> dict[str, str]:
    """Make each page; the same sources give the same text."""
    return {
        "docs/reference/api.md": NOTE.format(source="the OpenAPI document and documentation/requests.toml")
        + api_page(),
        "docs/reference/cli.md": NOTE.format(source="the commands") + cli_page(),
        "docs/reference/settings.md": NOTE.format(source="app/settings.py") + settings_page(),
        "docs/reference/training-settings.md": NOTE.format(source="training/config.py and the models")
        + training_settings_page(),
        "docs/decisions/index.md": NOTE.format(source="the titles of the decisions")
        + decisions_page(ROOT / "docs" / "decisions"),
        "docs/pictures/hyperplane.svg": hyperplane(),
        "docs/pictures/joint-graph.svg": joint_graph(),
    }
