"""`python -m app import` and its neighbours: all or nothing, twice is once, and mistakes in one line."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import func, select

from app.cli import main
from app.dataset import TABLES, DatasetReader, InvalidDataset
from app.db.session import Database
from app.db.tables import Entity, Fact, Interaction, Item, User
from tests.app import world
from tests.app.conftest import Backend


def write(folder: Path, tables: dict[str, list[dict[str, Any]]], **manifest: Any) -> Path:
    """Write tables as a data set directory; rows without a split are of `train`."""
    folder.mkdir(exist_ok=True)
    for name, columns in TABLES.items():
        rows = [{**({"split": "train"} if "split" in columns else {}), **row} for row in tables[name]]
        pl.DataFrame(rows, schema=dict(columns)).write_parquet(folder / f"{name}.parquet")
    counts = {name: len(rows) for name, rows in tables.items()}
    (folder / "manifest.json").write_text(
        json.dumps({"format_version": 1, "name": "world", "counts": counts} | manifest)
    )
    return folder


@pytest.fixture
def run(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command on the backend; gives its exit code."""
    monkeypatch.setenv("KTUP_DATABASE_URL", backend.database_url)
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["app", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0)

    return command


async def count(backend: Backend, table: Any) -> int:
    database = Database(backend.database_url)
    async with database.reading() as connection:
        n: int = (await connection.execute(select(func.count()).select_from(table))).scalar_one()
    await database.close()
    return n


def rows_of(backend: Backend, statement: Any) -> list[tuple[Any, ...]]:
    import anyio

    async def read() -> list[tuple[Any, ...]]:
        database = Database(backend.database_url)
        async with database.reading() as connection:
            rows = [tuple(row) for row in await connection.execute(statement)]
        await database.close()
        return rows

    return anyio.run(read)


def versions(backend: Backend) -> dict[str, int]:
    return dict(rows_of(backend, select(User.user_id, User.history_version)))


def test_an_import_stores_every_row_and_twice_is_once(backend: Backend, run: Any, tmp_path: Path) -> None:
    tables = world.tables()
    dataset = write(tmp_path / "world", tables)
    assert run("import", str(dataset)) == 0
    first = versions(backend)
    assert first["u1"] == 1
    assert first["u2"] == 0, "nothing of u2 changed"
    assert run("import", str(dataset)) == 0
    assert versions(backend) == first
    for table, name in ((User, "users"), (Entity, "entities"), (Fact, "triples"), (Interaction, "interactions")):
        assert rows_of(backend, select(func.count()).select_from(table)) == [(len(tables[name]),)]
    assert rows_of(backend, select(Item.entity_id).where(Item.item_id.in_(["i1", "i6"]))) == [("f1",), ("f1",)]


def test_only_the_histories_that_change_get_a_new_version(backend: Backend, run: Any, tmp_path: Path) -> None:
    tables = world.tables()
    run("import", str(write(tmp_path / "world", tables)))
    tables["interactions"][0]["timestamp"] = 31
    tables["interactions"].append({"user_id": "u2", "item_id": "i1", "value": None, "timestamp": None})
    before = versions(backend)
    assert run("import", str(write(tmp_path / "world", tables))) == 0
    changed = {user for user, version in versions(backend).items() if version != before[user]}
    assert changed == {"u1", "u2"}


def test_an_empty_label_or_title_does_not_wipe_out_what_is_stored(backend: Backend, run: Any, tmp_path: Path) -> None:
    tables = world.tables()
    run("import", str(write(tmp_path / "world", tables)))
    tables["items"][0]["title"] = None
    tables["items"][1]["title"] = "Gladiator (2000)"
    tables["links"] = []
    assert run("import", str(write(tmp_path / "world", tables))) == 0
    rows = rows_of(backend, select(Item.title, Item.entity_id).where(Item.item_id.in_(["i1", "i2"])).order_by("title"))
    assert rows == [("Alien", "f1"), ("Gladiator (2000)", "f2")]


def test_only_the_chosen_splits_are_stored(backend: Backend, run: Any, tmp_path: Path) -> None:
    tables = world.tables()
    tables["triples"][0]["split"] = "test"
    tables["triples"][1]["split"] = "valid"
    assert run("import", str(write(tmp_path / "world", tables)), "--splits", "train,valid") == 0
    heads = rows_of(backend, select(Fact.head).where(Fact.relation == "director").order_by(Fact.head))
    assert heads == [("f2",), ("f3",), ("f4",)]
    assert run("import", str(tmp_path / "world"), "--splits", "train,holdout") == 2


def break_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


def break_version(folder: Path) -> None:
    (folder / "manifest.json").write_text(json.dumps({"format_version": 2, "counts": {}}))


def cut(folder: Path) -> None:
    path = folder / "triples.parquet"
    path.write_bytes(path.read_bytes()[:-40])


def remove(folder: Path) -> None:
    (folder / "links.parquet").unlink()


def rename_column(folder: Path) -> None:
    path = folder / "triples.parquet"
    pl.read_parquet(path).rename({"tail": "object"}).write_parquet(path)


def lose_rows(folder: Path) -> None:
    path = folder / "interactions.parquet"
    pl.read_parquet(path).head(2).write_parquet(path)


def change(table: str, column: str, value: Any) -> Any:
    def apply(folder: Path) -> None:
        path = folder / f"{table}.parquet"
        frame = pl.read_parquet(path)
        first = pl.int_range(pl.len()) == 0
        frame.with_columns(
            pl.when(first).then(pl.lit(value, dtype=frame.schema[column])).otherwise(column).alias(column)
        ).write_parquet(path)

    return apply


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (break_manifest, "manifest.json"),
        (break_version, "expected format_version 1; found 2"),
        (cut, "triples.parquet"),
        (remove, "links.parquet: there is no such file"),
        (rename_column, "expected the columns head"),
        (lose_rows, "interactions.parquet: it has 2 rows, but the manifest counts 14"),
        (change("users", "user_id", ""), "users.parquet: row 1, column user_id: expected a text of 1 to 800 bytes"),
        (change("users", "user_id", "a\x00b"), "users.parquet: row 1, column user_id"),
        (change("entities", "entity_id", "x" * 801), "entities.parquet: row 1, column entity_id"),
        (change("items", "title", "a\x00b"), "items.parquet: row 1, column title"),
        (change("triples", "tail", None), "triples.parquet: row 1, column tail"),
        (change("triples", "relation", "nothing"), "relation holds 'nothing', which relations.parquet does not list"),
        (change("interactions", "item_id", "i99"), "item_id holds 'i99', which items.parquet does not list"),
        (change("interactions", "value", float("nan")), "interactions.parquet: row 1, column value: expected a finite"),
        (change("interactions", "split", "holdout"), "interactions.parquet: row 1, column split"),
    ],
)
def test_a_broken_data_set_is_told_in_one_line_and_nothing_is_stored(
    sqlite: Backend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    spoil: Any,
    told: str,
) -> None:
    dataset = write(tmp_path / "world", world.tables())
    spoil(dataset)
    monkeypatch.setenv("KTUP_DATABASE_URL", sqlite.database_url)
    monkeypatch.setattr("sys.argv", ["app", "import", str(dataset)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    message = capfd.readouterr().err
    assert told in message
    assert len(message.strip().splitlines()) == 1
    assert rows_of(sqlite, select(func.count()).select_from(User)) == [(0,)]


def test_what_is_no_data_set_directory_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InvalidDataset, match=r"it has no manifest\.json"):
            DatasetReader(path)


def test_an_import_that_breaks_half_way_stores_nothing(backend: Backend, tmp_path: Path) -> None:
    import anyio

    class Torn(world.Rowed):
        def rows(self, table: str) -> Any:
            if table == "interactions":
                raise OSError("the disk is gone")
            return super().rows(table)

    async def run_import() -> None:
        from app.db.bulk import DatasetImport

        database = Database(backend.database_url)
        try:
            await DatasetImport(database, Torn(world.tables()), lambda _t, _n: None).run()
        finally:
            await database.close()

    with pytest.raises(OSError, match="the disk is gone"):
        anyio.run(run_import)
    assert rows_of(backend, select(func.count()).select_from(User)) == [(0,)]


def test_commands_before_the_migration_say_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KTUP_DATABASE_URL", f"sqlite:///{tmp_path / 'var' / 'new.db'}")
    dataset = write(tmp_path / "world", world.tables())

    def command(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["app", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0)

    assert command("import", str(dataset)) == 2
    assert "python -m app migrate" in capfd.readouterr().err
    assert command("migrate") == 0
    assert command("import", str(dataset)) == 0
    monkeypatch.setenv("KTUP_PORT", "none")
    assert command("migrate") == 2
    assert "KTUP_PORT" in capfd.readouterr().err
