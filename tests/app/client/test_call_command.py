"""`python -m app call`: every call of a running server from the command line."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from app.cli import main
from app.cli_call import calls
from app.cli_call_help import descriptions
from app.client.every_call import EveryCall
from app.client.methods import Lines, Method
from tests.app.client.conftest import Address

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def run(served: Address, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("KTUP_URL", served.url)
    monkeypatch.setenv("KTUP_KEY", served.key)
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["app", "call", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return command


def test_every_method_of_the_client_is_a_command() -> None:
    group = typer.main.get_command(calls)
    names = set(group.commands)  # type: ignore[attr-defined]
    methods = {name for name, value in vars(EveryCall).items() if isinstance(value, Method | Lines)}
    assert {name.replace("_", "-") for name in methods} <= names


def test_an_administrator_runs_the_service_from_the_command_line(run: Run, release_id: str) -> None:
    code, out, _ = run("activate-release", release_id)
    assert (code, release_id in out) == (0, True)
    code, out, _ = run("releases")
    assert (code, "world" in out, release_id in out) == (0, True, True)
    code, out, _ = run("--json", "start-job", "--preset", "ml1m", "--settings", '{"epochs": 3}')
    job = json.loads(out)
    assert (code, job["order"]["settings"]) == (0, {"epochs": 3})
    assert run("cancel-job", job["job_id"])[0] == 0
    assert "cancelled" in run("jobs")[1]
    assert run("predict-candidates", "--per-gap", "1")[0] == 0
    lines = run("--json", "every-candidate")[1].splitlines()
    first = json.loads(lines[0])
    code, out, _ = run("decide", first["candidate_id"], "accept", "anna", "--reason", "seen")
    assert (code, "accepted" in out) == (0, True)
    code, out, _ = run("add-facts", '[["f9", "genre", "horror"]]')
    assert (code, "added" in out) == (0, True)
    code, out, _ = run("export-predictions", "--least-score", "-9")
    assert (code, out.splitlines()[0].split()) == (0, ["head", "relation", "tail", "score", "probability"])
    assert "Ridley Scott" in run("search-entities", "ridley")[1]
    assert run("recommendations", "u1", "--exclude", "i2", "--limit", "1")[1].count("i3") == 1
    code, out, _ = run("erase-user", "a/b")
    assert (code, "a/b" in out) == (0, True)


def test_mistakes_are_one_line_with_a_code_and_no_trace(run: Run) -> None:
    code, out, err = run("user", "nobody")
    assert (code, out) == (2, "")
    assert err.startswith("error: 404 unknown_user: No user has the id 'nobody'.")
    assert len(err.splitlines()) == 1
    code, _, err = run("add-facts", '[["f9"]]')
    assert (code, "facts" in err, "0" in err, "Traceback" in err) == (2, True, True, False), err
    code, _, err = run("--url", "http://127.0.0.1:1", "live")
    assert (code, "GET /health/live" in err) == (2, True)
    code, _, err = run("user", "")
    assert (code, "user_id: expected an id, found nothing" in err, "Traceback" in err) == (2, True, False)


def test_help_says_of_every_value_what_the_api_says_of_it() -> None:
    group: Any = typer.main.get_command(calls)
    n_told = 0
    for name, command in group.commands.items():
        told = descriptions(getattr(EveryCall, name.replace("-", "_")).make)
        assert set(told) == {parameter.name for parameter in command.params if parameter.name != "help"}, name
        assert all(text.strip() for text in told.values()), name
        assert "%2F" not in " ".join(told.values()), name  # the client encodes ids
        n_told += len(told)
    assert n_told > 100


def test_help_shows_it(run: Run) -> None:
    code, out, _ = run("complete", "--help")
    assert (code, "Candidates to return. Default: 10." in out, "Id of the tail entity." in out) == (0, True, True)
    assert "Settings to change, by their dotted names. JSON." in run("start-job", "--help")[1]
    assert "A JSON list; each entry has head, relation, tail." in run("add-facts", "--help")[1]
    assert "May be repeated." in run("similar", "--help")[1]


def test_a_call_reads_no_api_on_its_way() -> None:
    code = "import sys; sys.argv = ['app', 'call', '--url', 'http://127.0.0.1:1', 'live']\n"
    code += "from app.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
    code += "assert 'app.routers.api' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT)
