"""What `docs/reference/client.md` shows, runs."""

import re
from pathlib import Path

import pytest

from app.client import Client
from tests.app.client.conftest import Address

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "client.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_examples_run_one_after_the_other_and_print_what_they_say(
    served: Address, release_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(served.url, served.key) as client:
        client.activate_release(release_id)
    names: dict[str, object] = {"__name__": "example"}
    assert len(BLOCKS) >= 6
    for block in BLOCKS:
        code = block.replace("http://127.0.0.1:8000", served.url).replace("ktup_…", served.key)
        capsys.readouterr()
        exec(compile(code, PAGE.name, "exec"), names)
        printed = capsys.readouterr().out.splitlines()
        assert printed == re.findall(r"# prints (.*)$", block, re.MULTILINE)
