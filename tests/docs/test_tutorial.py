"""A reader who is new reaches the end of the tutorial on a fresh clone by copy and paste alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, Place, blocks_of, free_port, run_page

PAGE = "docs/tutorial.md"


@pytest.mark.slow
def test_the_tutorial_is_reached_on_a_fresh_clone_by_copy_and_paste(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    (clone / PAGE).write_text((ROOT / PAGE).read_text(encoding="utf-8"), encoding="utf-8")  # as it is now
    # What `make venv` would install is here already: the environment of the tests, under the name of the page.
    (clone / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        (clone / ".venv" / part.name).symlink_to(part)
    (clone / ".venv" / ".installed").unlink(missing_ok=True)
    (clone / ".venv" / ".installed").touch()
    place = Place(clone, free_port())
    try:
        assert run_page(ROOT / PAGE, place) >= 10
        assert (clone / "var" / "runs" / "films" / "report.html").is_file()
    finally:
        place.close()


def test_every_block_of_the_tutorial_runs_but_the_last_one() -> None:
    commands = [block for block in blocks_of(ROOT / PAGE) if block.language == "sh"]
    assert [block.runs for block in commands] == [True] * (len(commands) - 1) + [False]
