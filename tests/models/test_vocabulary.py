"""External ids and rows."""

from pathlib import Path

import pytest

from models.vocabulary import Vocabulary

TRICKY = ["007", "7", "a/b", "", " x", "línea\nnueva", "中文", "nan", "-1", "9" * 40]


def test_ids_stay_opaque_strings_through_a_file(tmp_path: Path) -> None:
    Vocabulary(TRICKY).save(tmp_path / "v.json")
    assert Vocabulary.load(tmp_path / "v.json").ids == tuple(TRICKY)


def test_rows_and_ids_are_inverse() -> None:
    vocabulary = Vocabulary(TRICKY)
    assert [vocabulary.row(vocabulary.id(k)) for k in range(len(TRICKY))] == list(range(len(TRICKY)))
    assert vocabulary.rows(["7", "007"]).tolist() == [1, 0]


def test_an_id_that_is_not_there_is_no_row() -> None:
    vocabulary = Vocabulary(["a"])
    assert vocabulary.get("b") is None
    with pytest.raises(KeyError):
        vocabulary.row("b")
    with pytest.raises(IndexError):
        vocabulary.id(-1)


def test_a_repeated_id_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'a'"):
        Vocabulary(["a", "b", "a"])


@pytest.mark.parametrize("other", [["b", "a"], ["ab"], ["a", "b", ""], ["a", "c"]])
def test_the_hash_tells_other_ids_and_another_order(other: list[str]) -> None:
    assert Vocabulary(["a", "b"]).content_hash != Vocabulary(other).content_hash


@pytest.mark.parametrize("text", ["{}", '["a", 1]', '["a", "a"]', "[", ""])
def test_a_file_that_is_no_vocabulary_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "v.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError):
        Vocabulary.load(tmp_path / "v.json")
