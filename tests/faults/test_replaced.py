"""C87: files of a release that are replaced, and a new release that is published, while the old one is mapped."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from models.retrieval.stored import Kind
from tests.faults import films
from tests.faults.conftest import Place, Serve
from tests.faults.processes import Server

_NUMBERS = itertools.count()


def lists(server: Server) -> list[Any]:
    """Lists that no cache holds: each question is a new one, and has the old answer."""
    found = []
    for user in films.PEOPLE[:5]:
        status, body = server.get(f"/users/{user}/recommendations?limit=20&exclude=x{next(_NUMBERS)}")
        assert status == 200, body
        found.append((body["release"], [(item["item_id"], item["score"]) for item in body["items"]]))
    return found


def replace_every_file(release: Path, other: Path) -> None:
    """Put the files of another release in place of this one's, each by a rename, as careful tools do."""
    for path in sorted(path for path in release.rglob("*") if path.is_file()):
        aside = path.with_name(path.name + ".aside")
        aside.write_bytes((other / path.relative_to(release)).read_bytes())
        aside.replace(path)
    manifest = json.loads((release / "manifest.json").read_text())
    (release / "manifest.json").write_text(json.dumps({**manifest, "release_id": release.name}))


@pytest.mark.parametrize("kind", ["scan", "flat"])
def test_c87_mapped_files_replaced_under_a_server_change_no_answer_and_the_next_release_is_served_whole(
    on_sqlite: Place, serve: Serve, tmp_path: Path, kind: Kind
) -> None:
    place = Place(on_sqlite.database_url, tmp_path / "mine", tmp_path)
    films.write_releases(tmp_path / "mine", ["v1"], kind=kind)
    films.write_releases(tmp_path / "made" / "releases", ["other", "v2", "v3"], kind=kind)
    server = serve(place, active="v1")
    before = lists(server)
    replace_every_file(place.releases / "v1", tmp_path / "made" / "releases" / "v3")
    maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    gone = [line for line in maps.splitlines() if "/mine/v1/" in line and line.endswith("(deleted)")]
    # The server reads on in the files that it mapped, which have no name any more.
    assert any("serving.safetensors" in line for line in gone), maps
    assert lists(server) == before
    (tmp_path / "made" / "releases" / "v2").rename(place.releases / "v2")
    assert lists(server) == before
    server.activate("v2")
    after = lists(server)
    assert {release for release, _ in after} == {"v2"}
    assert [items for _, items in after] != [items for _, items in before]
    again = serve(place, active=None)
    again.wait_until_ready()
    assert lists(again) == after
