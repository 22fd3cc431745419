"""Releases that are broken in every way are refused while the old one serves; good ones are swapped, and let go."""

import json
import shutil
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.checkpoint import file_hash
from models.vocabulary import Vocabulary
from tests.faults import films
from tests.faults.conftest import Place, Serve
from tests.faults.processes import Gone, Server, until


def _vouch(release: Path, *names: str) -> None:
    """Write the hashes of altered files into the manifests, as somebody would who means well."""
    for folder, prefix in ((release / "model", "model/"), (release, "")):
        path = folder / "manifest.json"
        manifest = json.loads(path.read_text())
        inside = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
        known = [name for name in inside if name in manifest["files"]]
        manifest["files"] |= {name: file_hash(folder / name) for name in known}
        path.write_text(json.dumps(manifest))
    manifest = json.loads((release / "manifest.json").read_text())
    manifest["files"]["model/manifest.json"] = file_hash(release / "model" / "manifest.json")
    (release / "manifest.json").write_text(json.dumps(manifest))


def _cut(release: Path) -> None:
    weights = release / "serving.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def _flip(release: Path) -> None:
    weights = bytearray((release / "serving.safetensors").read_bytes())
    weights[-9] ^= 4
    (release / "serving.safetensors").write_bytes(weights)


def _of_the_future(release: Path) -> None:
    manifest = json.loads((release / "manifest.json").read_text())
    (release / "manifest.json").write_text(json.dumps({**manifest, "format_version": 99}))


def _not_a_number(release: Path) -> None:
    weights = load_file(release / "model" / "weights.safetensors")
    weights["users"][3, 1] = float("nan")
    save_file(weights, release / "model" / "weights.safetensors")
    served = {name: t.to(torch.float64) if t.is_floating_point() else t for name, t in weights.items()}
    save_file(served, release / "serving.safetensors")
    _vouch(release, "model/weights.safetensors", "serving.safetensors")


def _another_person(release: Path) -> None:
    Vocabulary([*films.PEOPLE, "newcomer"]).save(release / "model" / "users.json")
    _vouch(release, "model/users.json")


def _another_index(release: Path) -> None:
    shutil.rmtree(release / "index")
    shutil.copytree(release.parent / "a" / "index", release / "index")
    description = json.loads((release / "index" / "index.json").read_text())
    description["shape"]["embedding_size"] += 1
    (release / "index" / "index.json").write_text(json.dumps(description))
    _vouch(release, "index/index.json", "index/items.safetensors")


def _empty(release: Path) -> None:
    shutil.rmtree(release)
    release.mkdir()


FAULTS: dict[str, Callable[[Path], Any]] = {
    "cut": _cut,
    "bit-flipped": _flip,
    "of-another-version": _of_the_future,
    "not-a-number": _not_a_number,
    "of-other-vocabularies": _another_person,
    "of-another-index": _another_index,
    "without-manifest": lambda release: (release / "manifest.json").unlink(),
    "empty": _empty,
}


def test_c70_every_broken_release_is_refused_by_name_and_the_old_one_answers_the_same_bytes(
    on_sqlite: Place, serve: Serve, tmp_path: Path
) -> None:
    place = Place(on_sqlite.database_url, tmp_path / "releases", tmp_path)
    shutil.copytree(on_sqlite.releases, place.releases)
    for name, spoil in FAULTS.items():
        shutil.copytree(place.releases / "b", place.releases / name)
        manifest = json.loads((place.releases / name / "manifest.json").read_text())
        (place.releases / name / "manifest.json").write_text(json.dumps({**manifest, "release_id": name}))
        spoil(place.releases / name)
    server = serve(place)
    before = {user: server.get(f"/users/{user}/recommendations") for user in films.PEOPLE[:5]}
    for name in FAULTS:
        status, body = server.ask("POST", f"/releases/{name}/activate")
        assert (status, body.get("code")) == (409, "release_refused"), (name, body)
        assert name in body["detail"], body
        after = {user: server.get(f"/users/{user}/recommendations") for user in films.PEOPLE[:5]}
        assert after == before, name
        assert server.get("/health/ready")[1]["release"] == "a"
    problems = {one["release_id"]: one["problem"] for one in server.get("/releases")[1]["releases"]}
    assert {name for name, problem in problems.items() if problem} == set(FAULTS)
    assert "Traceback" not in server.said()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases of about 16 MB each: a process that kept 100 of them would show it."""
    folder = tmp_path_factory.mktemp("large") / "releases"
    films.write_releases(folder, ["a", "b"], size=64, people=30_000)
    return folder


class Reader(threading.Thread):
    """Asks for lists all the time, and remembers which release each list came from."""

    def __init__(self, server: Server, stop: threading.Event) -> None:
        super().__init__()
        self._server, self._stop_at = server, stop
        self.lists: dict[str, set[str]] = {}
        self.failed: list[object] = []
        self.asked = 0

    def run(self) -> None:
        while not self._stop_at.is_set():
            self.asked += 1
            try:
                status, body = self._server.get(f"/users/u1/recommendations?limit=29&exclude=x{self.asked}")
            except Gone as error:
                self.failed.append(error)
                continue
            if status != 200:
                self.failed.append(body)
                continue
            items = json.dumps([(item["item_id"], item["score"]) for item in body["items"]])
            self.lists.setdefault(body["release"], set()).add(items)


def test_c88_c113_a_hundred_swaps_under_load_fail_nothing_mix_nothing_and_keep_no_old_release(
    on_sqlite: Place, large: Path, serve: Serve
) -> None:
    size = sum(path.stat().st_size for path in (large / "a").rglob("*") if path.is_file()) / 2**20
    server, stop = serve(Place(on_sqlite.database_url, large, on_sqlite.folder)), threading.Event()
    reader = Reader(server, stop)
    reader.start()
    try:
        memory = []
        for swap in range(110):
            server.activate("ba"[swap % 2])
            memory.append(server.rss_mib())
    finally:
        stop.set()
        reader.join(30)
    assert reader.failed == []
    # One list for each release: no answer took items or scores of both.
    assert {name: len(lists) for name, lists in reader.lists.items()} == {"a": 1, "b": 1}
    early, late = max(memory[5:15]), max(memory[-10:])
    print(f"swaps 110, lists {reader.asked}, MiB {early:.0f} then {late:.0f}, a release {size:.0f}")  # noqa: T201
    # A hundred releases more would be 1,600 MiB.
    assert late < early + 3 * size


def test_a_rollback_gives_the_former_answers_byte_for_byte(place: Place, serve: Serve) -> None:
    server = serve(place)
    paths = [f"/users/{user}/recommendations?limit=20&explain=full" for user in films.PEOPLE[:5]]
    paths += ["/kg/complete?head=f1&relation=director", "/items/i3/similar"]
    # Ids of lists are drawn; they are remembered with the list, so a rollback finds those, too.
    before = [server.get(path)[1] for path in paths]
    server.activate("b")
    assert [server.get(path)[1] for path in paths] != before
    status, body = server.ask("POST", "/releases/rollback")
    assert (status, body["release_id"]) == (200, "a"), body
    assert [server.get(path)[1] for path in paths] == before


def test_c113_three_processes_follow_an_activation_within_seconds_by_polling_alone(place: Place, serve: Serve) -> None:
    # The default: no setting of ours makes it faster here.
    servers = [serve(place, active=None, release_poll_seconds=3) for _ in range(3)]
    servers[0].activate("a")
    for server in servers:
        server.wait_until_ready()
    seconds = []
    for release in ("b", "c", "a"):
        servers[0].activate(release)
        seconds.append(until(partial(_all_answer_by, servers, release)))
    print(f"seconds until all three answer by the new release: {[round(each, 1) for each in seconds]}")  # noqa: T201
    assert max(seconds) < 10


def _all_answer_by(servers: list[Server], release: str) -> bool:
    return {server.get("/users/u1/recommendations")[1]["release"] for server in servers} == {release}
