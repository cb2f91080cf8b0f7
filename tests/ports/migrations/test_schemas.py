"""The schemas of all services: from nothing and from version 0.1.0 to the tables that the code declares."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, inspect, select, text

from atelier_migrate.main import DATABASES
from atelier_service.migrations.schema import Schema
from atelier_service.migrations.upgrade import upgrade
from tests.old_states.old_state import load_into_postgresql, unpack
from tests.ports.migrations.looking import on

every_database = pytest.mark.parametrize("name", DATABASES)
every_old_database = pytest.mark.parametrize("name", [name for name in DATABASES if name != "workflow"])


async def old_database(name: str, url: str, folder: Path) -> str:
    """The database `name` of version 0.1.0, in place of the empty one at `url`; returns its URL."""
    if url.startswith("sqlite"):
        unpack(folder)
        return f"sqlite:///{folder / name}.db"
    await load_into_postgresql(name, url)
    return url


def differences(name: str) -> Any:
    """A look at what the tables of a database and those that the code declares differ in."""
    versions = {schema.version_table for schema in DATABASES[name]}
    declared = MetaData()
    for schema in DATABASES[name]:
        for table in schema.metadata.sorted_tables:
            table.to_metadata(declared)

    def look(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda found, kind, _parents: kind != "table" or found not in versions},
        )
        return list(compare_metadata(context, declared))

    return look


def partial_indexes(connection: Connection) -> Mapping[str, str]:
    """The indexes with a condition, which Alembic does not compare, and their definitions."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'"
    else:
        query = (
            "SELECT indexname, replace(indexdef, schemaname || '.', '') FROM pg_indexes"
            " WHERE schemaname = current_schema AND indexdef LIKE '% WHERE %'"
        )
    return {row[0]: " ".join(row[1].replace("IF NOT EXISTS ", "").split()) for row in connection.execute(text(query))}


def rows_of(name: str) -> Any:
    """A look at the primary keys in every table of a database."""

    def look(connection: Connection) -> dict[str, set[Any]]:
        tables: list[Table] = [t for s in DATABASES[name] for t in s.metadata.sorted_tables]
        there = set(inspect(connection).get_table_names())
        return {
            table.name: {tuple(row) for row in connection.execute(select(*table.primary_key.columns))}
            for table in tables
            if table.name in there
        }

    return look


@every_database
async def test_an_empty_database_gets_the_tables_that_the_code_declares(name: str, database_url: str) -> None:
    await upgrade(database_url, DATABASES[name])

    assert await on(database_url, differences(name)) == []


@every_database
async def test_indexes_with_a_condition_are_those_that_the_code_declares(name: str, database_url: str) -> None:
    await upgrade(database_url, DATABASES[name])
    upgraded = await on(database_url, partial_indexes)
    for schema in DATABASES[name]:
        await on(database_url, schema.metadata.drop_all)
        await on(database_url, schema.metadata.create_all)

    assert upgraded == await on(database_url, partial_indexes)


@every_old_database
async def test_a_database_of_version_0_1_0_gets_the_tables_that_the_code_declares(
    name: str, database_url: str, tmp_path: Path
) -> None:
    url = await old_database(name, database_url, tmp_path / "old")

    changes = await upgrade(url, DATABASES[name])

    assert {before for before, _ in changes.values()} == {None}
    assert await on(url, differences(name)) == []


@every_old_database
async def test_a_database_of_version_0_1_0_keeps_its_jobs_users_keys_and_assets(
    name: str, database_url: str, tmp_path: Path
) -> None:
    url = await old_database(name, database_url, tmp_path / "old")
    lasting = {"jobs", "job_events", "idempotency_keys", "users", "api_keys", "api_key_scopes", "signing_keys"} | {
        "storage_blobs", "storage_assets", "image_results", "video_results", "partial_results",
    }  # fmt: skip
    before = await on(url, rows_of(name))

    await upgrade(url, DATABASES[name])

    after = await on(url, rows_of(name))
    assert sum(map(len, before.values())) > 0
    for table in lasting & set(before):
        assert after[table] == before[table], table


@every_database
async def test_a_second_upgrade_changes_nothing(name: str, database_url: str) -> None:
    await upgrade(database_url, DATABASES[name])

    changes = await upgrade(database_url, DATABASES[name])

    assert all(before == after for before, after in changes.values())


@every_database
async def test_of_two_upgrades_at_once_one_waits_and_none_fails(name: str, database_url: str) -> None:
    both = await asyncio.gather(*(upgrade(database_url, DATABASES[name]) for _ in range(2)))

    first, second = sorted(both, key=lambda changes: [before or "" for before, _ in changes.values()])
    assert {before for before, _ in first.values()} == {None}
    assert all(before == after for before, after in second.values())


@pytest.mark.parametrize(
    "schema", [s for schemas in DATABASES.values() for s in schemas], ids=lambda s: s.version_table
)
def test_revisions_are_numbered_without_gaps_and_each_follows_the_one_before(schema: Schema) -> None:
    scripts = ScriptDirectory(str(schema.revisions), version_locations=[str(schema.revisions)])

    numbers = [script.revision for script in reversed(list(scripts.walk_revisions()))]

    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    assert scripts.get_heads() == [schema.head]
