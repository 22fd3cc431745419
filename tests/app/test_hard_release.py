"""C66 over HTTP, with a real model of the hard strategy: no noise is drawn outside of training."""

from pathlib import Path

import pytest

from app.db.session import Database
from app.inference import FileReleaseStore
from models.release import load_release
from tests.app import world
from tests.app.conftest import Backend, Start
from tests.faults import films

pytestmark = pytest.mark.anyio
PATHS = [f"/users/{user}/recommendations?limit=20&explain=full" for user in films.PEOPLE[:5]]


async def test_c66_two_calls_to_a_hard_model_give_identical_lists_with_cold_caches(
    sqlite: Backend, tmp_path: Path, start: Start
) -> None:
    films.write_releases(tmp_path / "releases", ["hard"], system="ktup-hard")
    model = load_release(tmp_path / "releases" / "hard").checkpoint.model
    assert model.config.strategy == "hard"
    database = Database(sqlite.database_url)
    await world.store(database, films.tables())
    await database.close()
    answers = []
    for _ in range(2):
        # Each service has a cache of its own, empty; nothing else is shared but the files.
        async with start(sqlite.settings(), FileReleaseStore(tmp_path / "releases")) as client:
            assert (await client.post("/releases/hard/activate")).status_code == 200
            answers.append([(await client.get(path)).json() for path in PATHS])
    first, second = answers
    for one, other in zip(first, second, strict=True):
        assert one.pop("recommendation_id") != other.pop("recommendation_id"), "the second one was not computed"
        # It holds the second in which the list was made.
        assert None not in (one.pop("next_cursor"), other.pop("next_cursor"))
    assert first == second
    assert all(len(one["items"]) == 20 for one in first)
