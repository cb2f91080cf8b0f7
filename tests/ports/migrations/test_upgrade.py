"""Upgrading databases: from nothing and from the tables of version 0.1.0 to those that the code declares."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, Integer, MetaData, Table, inspect, select, text

from atelier_migrate.main import DATABASES
from atelier_service.configuration import ConfigurationError
from atelier_service.database import create_engine
from atelier_service.migrations.schema import Schema, check_schemas
from atelier_service.migrations.upgrade import upgrade
from tests.old_states.old_state import load_into_postgresql, unpack

every_database = pytest.mark.parametrize("name", DATABASES)


async def on(url: str, look: Any) -> Any:
    """What `look(connection)` returns, at the database."""
    engine = create_engine(url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(look)
    finally:
        await engine.dispose()


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


@every_database
async def test_a_database_of_version_0_1_0_gets_the_tables_that_the_code_declares(
    name: str, database_url: str, tmp_path: Path
) -> None:
    url = await old_database(name, database_url, tmp_path / "old")

    changes = await upgrade(url, DATABASES[name])

    assert {before for before, _ in changes.values()} == {None}
    assert await on(url, differences(name)) == []


@every_database
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


@every_database
async def test_a_service_accepts_a_database_that_was_upgraded(name: str, database_url: str) -> None:
    await upgrade(database_url, DATABASES[name])
    engine = create_engine(database_url)
    try:
        await check_schemas(engine, DATABASES[name])
    finally:
        await engine.dispose()


async def refusal(url: str, schemas: tuple[Schema, ...]) -> str:
    """What a service says about a database that it does not accept."""
    engine = create_engine(url)
    try:
        with pytest.raises(ConfigurationError) as refused:
            await check_schemas(engine, schemas)
        return str(refused.value)
    finally:
        await engine.dispose()


async def test_a_service_refuses_a_database_without_a_revision_and_names_the_program_that_helps(
    database_url: str,
) -> None:
    assert "run atelier-migrate" in await refusal(database_url, tuple(DATABASES["auth"]))


def two_revisions(folder: Path, second: str) -> Schema:
    """A schema with a table, and a second revision of these statements."""
    folder.mkdir(exist_ok=True)
    metadata = MetaData()
    Table("numbers", metadata, Column("number", Integer, primary_key=True))
    first = 'op.create_table("numbers", sa.Column("number", sa.Integer, primary_key=True))'
    for number, before, body in (("0001", None, first), ("0002", "0001", second)):
        (folder / f"v{number}_it.py").write_text(
            f"import sqlalchemy as sa\nfrom alembic import op\n"
            f"revision = {number!r}\ndown_revision = {before!r}\n\n\ndef upgrade():\n    {body}\n"
        )
    return Schema("numbers", metadata, folder)


async def test_a_service_refuses_an_older_revision_and_says_both(database_url: str, tmp_path: Path) -> None:
    schema = two_revisions(tmp_path / "revisions", "pass")
    await upgrade(database_url, (schema,))
    await on(database_url, lambda c: c.execute(text("UPDATE alembic_version_numbers SET version_num = '0001'")))

    said = await refusal(database_url, (schema,))

    assert "is at revision 0001" in said
    assert "needs 0002: run atelier-migrate" in said


async def test_what_a_newer_version_upgraded_is_refused_and_left_alone(database_url: str, tmp_path: Path) -> None:
    schema = two_revisions(tmp_path / "revisions", "pass")
    await upgrade(database_url, (schema,))
    (tmp_path / "revisions" / "v0002_it.py").unlink()

    assert "newer than this program" in await refusal(database_url, (schema,))
    with pytest.raises(ConfigurationError, match="newer than this program"):
        await upgrade(database_url, (schema,))


async def test_a_revision_that_fails_leaves_the_database_as_it_was(database_url: str, tmp_path: Path) -> None:
    failing = 'op.add_column("numbers", sa.Column("more", sa.Integer)); raise ValueError("no")'
    schema = two_revisions(tmp_path / "revisions", failing)

    with pytest.raises(ValueError, match="no"):
        await upgrade(database_url, (schema,))

    assert await on(database_url, lambda c: inspect(c).get_table_names()) == []
