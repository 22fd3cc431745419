from pathlib import Path

import pytest

from training.data.errors import BadOption, MissingFile, UndecodableFile
from training.data.ledger import SourceText
from training.data.readers.text import read_text


def decode(tmp_path: Path, data: bytes, encoding: str | None = None) -> SourceText:
    path = tmp_path / "file"
    path.write_bytes(data)
    return read_text(path, "file", encoding=encoding, expected="a file")


def test_c03_a_byte_order_mark_is_no_part_of_the_first_cell(tmp_path: Path, cases: Path) -> None:
    text = read_text(cases / "traps/bom.csv", "bom.csv", encoding=None, expected="").text
    assert text.startswith("user_id,")
    assert decode(tmp_path, "\ufeffaé".encode("utf-16-le"), "utf-16-le").text == "aé"


def test_bytes_that_are_not_utf8_are_refused_with_line_and_byte(tmp_path: Path) -> None:
    with pytest.raises(UndecodableFile, match=r"file, line 3: byte 9 .* not valid utf-8.*--encoding") as caught:
        decode(tmp_path, b"abc\r\nb\rca\xe9\n")
    assert (caught.value.line, caught.value.byte) == (3, 9)


def test_the_declared_encoding_is_used_where_utf8_fails_and_the_byte_is_remembered(tmp_path: Path) -> None:
    source = decode(tmp_path, b"Caf\xe9", "latin-1")
    assert (source.text, source.file.encoding, source.file.not_utf8_from_byte) == ("Café", "latin-1", 3)


def test_utf8_goes_before_the_declared_encoding(tmp_path: Path) -> None:
    source = decode(tmp_path, "Café".encode(), "latin-1")
    assert (source.text, source.file.encoding, source.file.not_utf8_from_byte) == ("Café", "utf-8", None)


def test_bytes_outside_the_declared_encoding_are_refused_in_its_name(tmp_path: Path) -> None:
    with pytest.raises(UndecodableFile, match=r"byte 1 .* not valid cp1252"):
        decode(tmp_path, b"\xe9\x81", "cp1252")


@pytest.mark.parametrize("encoding", ["klingon", "hex", "", "a\0b", "undefined"])
def test_an_encoding_that_gives_no_text_is_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(BadOption, match="--encoding"):
        decode(tmp_path, b"\xe9", encoding)


def test_half_a_character_from_a_lax_codec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="--encoding"):
        decode(tmp_path, b"\xe9" + rb"\ud800", "unicode_escape")


@pytest.mark.parametrize("place", ["nothing", ".", "file/below"])
def test_a_missing_file_is_named_with_what_it_should_hold(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MissingFile, match="no such file; expected the maps"):
        read_text(tmp_path / place, place, encoding=None, expected="the maps")
