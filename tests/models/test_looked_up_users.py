"""Users that are looked up in the files of a release: the same answers, and nothing read that grows with them."""

import json
import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from models.checkpoint import MANIFEST, WEIGHTS, CheckpointError, write_checkpoint
from models.interface import Sizes
from models.registry import build, config_from
from models.release import LOOKUP_FORMAT, RELEASE_FORMAT, SERVING, load_release, read_release_manifest, write_release
from models.release_users import IDS, MANY, UserVectors, check_release, looks_up, unread_bytes
from models.retrieval.exhaustive import ItemScan
from models.retrieval.roles import Roles
from models.stored_vocabulary import StoredVocabulary, UnreadableVocabulary
from models.vocabulary import Vocabulary

SIZES = Sizes(30, 40, 50, 3, torch.arange(40))
VOCABULARIES = {
    name: Vocabulary(f"{name[0]}{k}" for k in range(n))
    for name, n in (("users", 30), ("items", 40), ("entities", 50), ("relations", 3))
}


def write(folder: Path, name: str, users: UserVectors, model_name: str = "ktup-soft") -> Path:
    config = config_from(model_name, {"embedding_size": 16, "norm": "l2"})
    model = build(model_name, config, SIZES, torch.Generator().manual_seed(3))
    checkpoint = folder / f"checkpoint-{name}"
    write_checkpoint(checkpoint, model_name, model, VOCABULARIES, {})
    index = ItemScan.build(model, VOCABULARIES["items"].content_hash)
    roles = Roles.of_triples(np.array([[0, 0, 1]]), 3)
    write_release(folder / name, checkpoint, index, roles, {"index": {"nominate": 10}}, users=users)
    return folder / name


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write(tmp_path, "r", "lookup")


@pytest.mark.parametrize("model_name", ["ktup-soft", "ktup-hard"])
def test_answers_are_those_of_users_in_memory_to_the_last_bit(tmp_path: Path, model_name: str) -> None:
    loaded = load_release(write(tmp_path, "loaded", "memory", model_name))
    looked_up = load_release(write(tmp_path, "looked-up", "lookup", model_name))
    both = load_release(tmp_path / "looked-up", users="memory")
    rows, items = torch.arange(30), torch.arange(30)
    expected = loaded.checkpoint.model.score_pairs(rows, items)
    unseen = [np.array([k]) for k in range(30)]
    lists = loaded.searcher.search_many(np.arange(30), 10, unseen)
    for release in (looked_up, both):
        assert torch.equal(release.checkpoint.model.score_pairs(rows, items), expected)
        for mine, theirs in zip(release.searcher.search_many(np.arange(30), 10, unseen), lists, strict=True):
            assert mine.rows.tolist() == theirs.rows.tolist()
            assert mine.scores.tolist() == theirs.scores.tolist()
        assert release.checkpoint.model.n_users == 30
        with pytest.raises(IndexError):
            release.checkpoint.model.score_pairs(torch.tensor([30]), torch.tensor([0]))


def test_the_vectors_lie_in_the_file_in_one_place_and_are_not_copied(release: Path) -> None:
    model = load_release(release).checkpoint.model
    ranges = [
        [int(number, 16) for number in line.split()[0].split("-")]
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith(f"r/model/{WEIGHTS}")
    ]
    assert any(start <= model.users.data_ptr() < end for start, end in ranges)
    assert model.users.dtype == torch.float32
    assert "users" not in load_file(release / SERVING)
    assert model.items.dtype == model.user_vectors(torch.tensor([4])).dtype == torch.float64


def test_the_format_is_raised_only_where_users_are_looked_up(tmp_path: Path, release: Path) -> None:
    manifest = read_release_manifest(release)
    assert manifest["format_version"] == LOOKUP_FORMAT == 3
    assert unread_bytes(manifest) == sum(
        (release / name).stat().st_size for name in (IDS, "model/users.json", f"model/{WEIGHTS}")
    )
    plain = write(tmp_path, "plain", "auto")
    assert read_release_manifest(plain)["format_version"] == RELEASE_FORMAT == 2
    assert not (plain / IDS).exists()
    assert looks_up("auto", MANY)
    assert not looks_up("auto", MANY - 1)


def _altered(path: Path) -> None:
    """Change the last byte, and so a number of the last table or an id, and no size."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("name", [f"model/{WEIGHTS}", "model/users.json", IDS])
def test_what_grows_with_users_is_not_read_at_a_start_and_found_altered_by_the_check(release: Path, name: str) -> None:
    check_release(release)
    _altered(release / name)
    load_release(release)
    with pytest.raises(CheckpointError, match=f"{Path(name).name} is cut or was altered"):
        check_release(release)
    with pytest.raises(CheckpointError, match=f"{Path(name).name} is cut or was altered"):
        load_release(release, users="memory")


@pytest.mark.parametrize("name", [f"model/{WEIGHTS}", "model/users.json", IDS])
@pytest.mark.parametrize("cut", [True, False])
def test_a_start_refuses_a_file_of_users_that_is_cut_or_missing(release: Path, name: str, cut: bool) -> None:
    if cut:
        (release / name).write_bytes((release / name).read_bytes()[:-1])
    else:
        (release / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name} is (missing|cut or was altered)"):
        load_release(release)


def test_every_other_file_is_read_at_a_start_as_ever(release: Path) -> None:
    _altered(release / "model" / "items.json")
    with pytest.raises(CheckpointError, match=r"items\.json is cut or was altered"):
        load_release(release)


def test_ids_of_other_users_are_refused(release: Path) -> None:
    others = Vocabulary(f"v{k}" for k in range(30))
    (release / IDS).unlink()
    StoredVocabulary.write(release / IDS, others)
    manifest = json.loads((release / MANIFEST).read_text())
    manifest["sizes"][IDS] = (release / IDS).stat().st_size
    (release / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="the vocabulary of users is not the one the weights were trained with"):
        load_release(release)


def test_vectors_that_are_no_numbers_are_never_written_and_are_found_by_the_check(tmp_path: Path) -> None:
    release = write(tmp_path, "r", "lookup")
    weights = load_file(release / "model" / WEIGHTS)
    weights["users"] = weights["users"].clone()
    weights["users"][17, 3] = float("inf")
    save_file(weights, tmp_path / "checkpoint-r" / WEIGHTS)
    index = ItemScan.build(load_release(release).checkpoint.model, VOCABULARIES["items"].content_hash)
    with pytest.raises(CheckpointError, match="'users' are not all finite: row 17"):
        write_release(
            tmp_path / "s", tmp_path / "checkpoint-r", index, Roles.of_triples(np.array([[0, 0, 1]]), 3), {},
            users="lookup",
        )  # fmt: skip
    assert not (tmp_path / "s").exists()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), unique=True, max_size=30))
def test_a_stored_vocabulary_answers_as_the_one_it_was_written_from(ids: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole, path = Vocabulary(ids), Path(folder) / "ids # 50%.sqlite"
        StoredVocabulary.write(path, whole)
        stored = StoredVocabulary(path)
        assert (len(stored), stored.ids, stored.content_hash) == (len(whole), whole.ids, whole.content_hash)
        assert stored == whole
        for row, external_id in enumerate(ids):
            assert (stored.row(external_id), stored.get(external_id), stored.id(row)) == (row, row, external_id)
            assert external_id in stored
            assert f"{external_id}." in stored or stored.get(f"{external_id}.") is None
        assert stored.rows(ids).tolist() == list(range(len(ids)))
        for row in (-1, len(ids)):
            with pytest.raises(IndexError):
                stored.id(row)
        with pytest.raises(KeyError):
            stored.row("no such id")
        stored.save(Path(folder) / "ids.json")
        assert Vocabulary.load(Path(folder) / "ids.json") == whole


def test_threads_share_one_vocabulary(tmp_path: Path) -> None:
    whole = Vocabulary(f"u{k}" for k in range(2_000))
    StoredVocabulary.write(tmp_path / "ids", whole)
    stored = StoredVocabulary(tmp_path / "ids")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda start: stored.rows(whole.ids[start::8]).tolist(), range(8)))
    assert found == [list(range(start, 2_000, 8)) for start in range(8)]


def test_an_id_that_no_file_can_hold_is_not_there(tmp_path: Path) -> None:
    StoredVocabulary.write(tmp_path / "ids", Vocabulary(["a"]))
    assert StoredVocabulary(tmp_path / "ids").get("\ud800") is None


@pytest.mark.parametrize("content", [None, b"", b"no database", "tables of others"])
def test_what_is_no_stored_vocabulary_is_told(tmp_path: Path, content: bytes | str | None) -> None:
    path = tmp_path / "ids"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE other (n INTEGER)")
        database.close()
    with pytest.raises(UnreadableVocabulary, match="ids is no stored vocabulary"):
        StoredVocabulary(path)
