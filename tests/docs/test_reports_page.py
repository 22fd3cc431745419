"""The page about reports says what is so: each of its commands is one that the program takes."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from benchmarks.baselines import app as baselines
from training.cli import app
from training.config import preset_names

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "reports.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines()]


def test_the_page_has_both_reports_and_what_they_are_made_of() -> None:
    named = [shlex.split(command)[2:4] for command in COMMANDS]
    for wanted in (["training", "suite"], ["training", "report"], ["benchmarks.baselines", "--data"]):
        assert wanted in named


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_known(command: str) -> None:
    words = shlex.split(command)
    assert words[:2] == ["python", "-m"]
    program: Any = typer.main.get_command(baselines if words[2].startswith("benchmarks") else app)
    rest = words[3:]
    while hasattr(program, "commands"):
        program = program.commands[rest.pop(0)]
    context = program.make_context("program", rest)
    assert context.args == []
    preset = context.params.get("preset")
    assert preset is None or preset in preset_names()
