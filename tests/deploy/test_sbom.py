"""The bill of materials: by the command of `make sbom`, of the environment that this test runs in."""

import json
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    recipe = re.search(r"cyclonedx-py (environment .*?)--output-file", (ROOT / "Makefile").read_text(), re.DOTALL)
    assert recipe is not None
    arguments = recipe[1].replace("\\\n", " ").replace("build/image/venv/bin/python", sys.executable).split()
    out = tmp_path_factory.mktemp("sbom") / "sbom.json"
    command = [Path(sys.executable).with_name("cyclonedx-py"), *arguments, "--output-file", out]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    read: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return read


def test_it_lists_every_installed_package_with_its_version_and_no_other(bill: dict[str, Any]) -> None:
    listed = {(canonicalize_name(each["name"]), each["version"]) for each in bill["components"]}
    assert listed == {(canonicalize_name(each.name), each.version) for each in distributions()}
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "ktup-recommender"


def test_it_says_what_needs_what_and_under_which_licence(bill: dict[str, Any]) -> None:
    components = {each["name"].lower(): each for each in bill["components"]}
    needs = {each["ref"]: set(each.get("dependsOn", [])) for each in bill["dependencies"]}
    assert components["starlette"]["bom-ref"] in needs[components["fastapi"]["bom-ref"]]
    licensed = [name for name, each in components.items() if each.get("licenses")]
    assert len(licensed) > 0.9 * len(components)
    assert all(each["purl"].startswith("pkg:pypi/") for each in components.values())
