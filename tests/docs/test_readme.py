"""The README says what is so: its commands run, its targets exist, its answer has the shape of a real one."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from app.schemas.recommendations import RecommendationList

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PYTHON = ".venv/bin/python"


def commands(heading: str) -> list[str]:
    """The indented lines of a section, without their comments."""
    section = README.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line[4:].split("  #")[0].strip() for line in section.splitlines() if line.startswith("    ")]
    return [re.sub(r"\s+# .*", "", line) for line in lines]


def test_every_make_target_that_is_named_exists() -> None:
    named = set(re.findall(r"make ([a-z-]+)", "\n".join(commands("A first result in a minute or two")) + README))
    assert {"demo", "test", "serve"} <= named
    for target in named:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def test_the_commands_for_own_data_run_as_they_stand(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "KTUP_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'ktup.db'}",
        "KTUP_RELEASES_DIR": str(tmp_path / "var" / "releases"),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    (tmp_path / "my-files").symlink_to(ROOT / "data" / "sample" / "raw")
    lines = commands("Your own data")
    assert sum(line.startswith(PYTHON) for line in lines) == 7
    released = ""
    for line in lines:
        if not line.startswith(PYTHON):
            continue
        line = line.replace(PYTHON, shlex.quote(sys.executable)).replace("RELEASE", released)
        if " train " in line:
            line += " --set epochs=1 --threads 1"
        arguments = shlex.split(line)
        done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        if " release " in line:
            released = done.stdout.split()[-1]
    assert (tmp_path / "var" / "releases" / released / "manifest.json").is_file()


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
