"""Every command and request on the pages runs, in the order in which it stands, or says why not."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, SERVED, Place, blocks_of, covered, pages, run_page

# These have tests of their own: what they need takes more than a served sample.
OWN = {"docs/tutorial.md": "test_tutorial.py", "README.md": "test_readme.py", "CONTRIBUTING.md": "nothing to run"}
NAMES = [path.relative_to(ROOT).as_posix() for path in pages()]
RUN = [name for name in NAMES if name not in OWN and any(block.runs for block in blocks_of(ROOT / name))]
SHOWN = ("sh", "json", "text", "python", "csv", "toml", "ini", "yaml", "")


def test_every_block_of_commands_is_run_or_says_why_not() -> None:
    counts: Counter[str] = Counter()
    for path in pages():
        for block in blocks_of(path):
            where = f"{block.page}:{block.line}"
            assert block.mark is None or block.mark == "background" or block.reason, f"{where}: no reason"
            assert block.language not in ("bash", "shell", "console"), f"{where}: write ```sh, which is run"
            if block.mark == "run by":
                assert (ROOT / (block.reason or "")).is_file(), f"{where}: {block.reason} is no test"
            if block.language in ("sh", "python"):
                assert block.language == "sh" or block.mark == "run by", f"{where}: nobody runs this"
                counts[block.mark or "run"] += 1
    assert counts["run"] > 30
    # Raise this only with a reason in the page: Docker, a GPU, the paper's data and hours.
    assert counts["not run"] <= 20, counts


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN)
def test_a_page_runs_from_top_to_bottom(
    name: str, prepared: Path, new_place: Callable[..., Place], request: pytest.FixtureRequest
) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    replaced = {}
    if "postgresql+asyncpg://" in text:
        make = request.getfixturevalue("empty_database")
        replaced["postgresql+asyncpg://ktup:SECRET@127.0.0.1:5432/ktup"] = make("postgresql")
    if "redis://" in text:
        replaced["redis://127.0.0.1:6379/0"] = request.getfixturevalue("redis_url")
    place = new_place(var=prepared, replaced=replaced)
    if SERVED in text:
        place.start("python -m app serve")
    assert run_page(ROOT / name, place) > 0


def test_a_shown_answer_has_to_be_what_is_real_but_for_scores_and_dots() -> None:
    covered({"a": "…", "b": [{"c": 1.5}]}, {"a": "x", "b": [{"c": 2.5, "d": 0}], "e": 1}, "here")
    for shown in ({"a": "y"}, {"z": "…"}, {"b": [{"d": 1}]}):
        with pytest.raises(AssertionError, match="here"):
            covered(shown, {"a": "x", "b": [{"c": 2.5, "d": 0}]}, "here")
    with pytest.raises(AssertionError, match="empty"):
        covered([{"a": 1}], [], "here")


def test_a_place_stops_at_the_first_error_and_keeps_variables(new_place: Callable[..., Place]) -> None:
    place = new_place()
    place.run("A='one two'\nmkdir inner; cd inner")
    assert place.run('echo "$A"; pwd').splitlines() == ["one two", str(place.folder / "inner")]
    with pytest.raises(AssertionError, match="never"):
        place.run("false | cat\necho never")
