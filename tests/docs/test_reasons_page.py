"""The page about reasons says what is so: fields that exist, limits that hold, a command that the program takes."""

import re
import shlex
from pathlib import Path
from typing import Any, get_args

import typer

from app.ports_reasons import NothingFound
from app.schemas.recommendations import CounterfactualBody, EvidenceBody, ExplanationBody, PreferenceBody
from app.services.texts import LANGUAGES, relation_name, sentence
from models.explanation.counterfactual import LARGEST, SOLVES
from training.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "explanation" / "reasons.md").read_text(encoding="utf-8")


def test_every_part_that_the_table_names_is_a_field_of_an_explanation() -> None:
    fields = {name for body in (ExplanationBody, PreferenceBody, EvidenceBody) for name in body.model_fields}
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert len(rows) == 10
    assert named <= fields
    assert {"without", "only", "margin", "counterfactual", "score_drop", "status"} <= named
    assert "rebuilt_score" in PAGE


def test_the_sentences_that_are_told_apart_begin_as_the_page_says() -> None:
    told = set(re.findall(r"^\| `text`, \"(.+ in your history): …\"", PAGE, re.MULTILINE))
    assert told == {
        sentence("en", message, history="Alien", relation="", entity="").partition(":")[0]
        for message in ("grounded", "because")
    }


def test_every_reason_for_finding_nothing_is_told_and_no_other() -> None:
    assert set(get_args(NothingFound)) == set(re.findall(r"`(not_in_\w+|too_\w+|none_\w+)`", PAGE))
    assert "reference_rank" in CounterfactualBody.model_fields
    assert f"no set of at most {LARGEST}" in PAGE
    assert f"than {SOLVES} fold-ins" in " ".join(PAGE.split())


def test_languages_and_names_are_as_told() -> None:
    assert LANGUAGES == ("de", "en")
    assert relation_name("http://dbpedia.org/ontology/musicComposer", None) == "music composer"


def test_the_command_is_one_that_the_program_takes() -> None:
    (line,) = re.findall(r"```sh\n(.*?)\n```", PAGE, re.DOTALL)
    words = shlex.split(line)
    program: Any = typer.main.get_command(app)
    context = program.commands[words[3]].make_context("audit", words[4:])
    assert (words[:4], context.args) == (["python", "-m", "training", "audit"], [])
