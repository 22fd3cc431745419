"""Where nothing can be written is known before the work; /proc takes nothing, not even from root."""

from pathlib import Path

import pytest

from models.durable import closed_above, replace_text, takes_file

PROC = Path("/proc")
needs_proc = pytest.mark.skipif(not (PROC / "self").exists(), reason="no /proc here")


def test_a_place_that_can_be_made_is_open_and_stays_as_it_is(tmp_path: Path) -> None:
    assert closed_above(tmp_path / "a" / "b" / "c") is None
    assert takes_file(tmp_path / "x.json")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_that_takes_nothing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    assert closed_above(file / "a" / "b") == file
    assert not takes_file(file / "a")
    assert not takes_file(tmp_path)
    assert not takes_file(tmp_path / "nowhere" / "x.json")
    assert takes_file(file)
    assert file.read_text() == "mine"


@needs_proc
def test_what_looks_writable_to_root_is_tried() -> None:
    assert closed_above(PROC / "ktup" / "a") == PROC
    assert not takes_file(PROC / "ktup.json")


def test_a_text_that_finds_no_place_names_the_one_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot be written: No such file or directory: '.*/nowhere/x\.json'"):
        replace_text(tmp_path / "nowhere" / "x.json", "new")


@pytest.mark.parametrize("lasting", [False, True])
def test_a_text_that_cannot_be_written_leaves_the_old_one(lasting: bool, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    replace_text(path, "old", lasting=lasting)
    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "new \ud800", lasting=lasting)
    assert path.read_text(encoding="utf-8") == "old"
    replace_text(path, "äöü", lasting=lasting)
    assert path.read_text(encoding="utf-8") == "äöü"
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]
