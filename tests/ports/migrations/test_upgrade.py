"""How a database is upgraded, and what a service says about one that was not."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, MetaData, inspect

from atelier_service.configuration import ConfigurationError
from atelier_service.database import create_engine
from atelier_service.migrations.schema import Schema, check_schemas
from atelier_service.migrations.upgrade import upgrade
from tests.ports.migrations.looking import on, rows

PEOPLE = """
op.create_table("people", sa.Column("name", sa.Text, primary_key=True), sa.Column("age", sa.Integer))
op.create_index("adults", "people", ["age"], sqlite_where=sa.text("age > 17"), postgresql_where=sa.text("age > 17"))
op.create_table("pets", sa.Column("name", sa.Text), sa.Column("of", sa.Text, sa.ForeignKey("people.name")))
op.execute("INSERT INTO people VALUES ('ada', 36), ('ben', 9)")
op.execute("INSERT INTO pets VALUES ('rex', 'ben')")
"""


def schema_of(folder: Path, *revisions: str, name: str = "people") -> Schema:
    """A schema with these revisions."""
    folder.mkdir(exist_ok=True)
    for number, body in enumerate(revisions, 1):
        before = None if number == 1 else f"{number - 1:04}"
        indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
        (folder / f"v{number:04}_it.py").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n\n"
            f"revision = '{number:04}'\ndown_revision = {before!r}\n\n\ndef upgrade():\n{indented}"
        )
    return Schema(name, MetaData(), folder)


async def refusal(url: str, schemas: Sequence[Schema]) -> str:
    """What a service says about a database that it does not accept."""
    engine = create_engine(url)
    try:
        with pytest.raises(ConfigurationError) as refused:
            await check_schemas(engine, schemas)
        return str(refused.value)
    finally:
        await engine.dispose()


async def test_a_service_refuses_a_database_without_a_revision_and_names_the_program_that_helps(
    database_url: str, tmp_path: Path
) -> None:
    assert "run atelier-migrate" in await refusal(database_url, [schema_of(tmp_path / "revisions", PEOPLE)])


async def test_a_service_accepts_what_was_upgraded(database_url: str, tmp_path: Path) -> None:
    schema = schema_of(tmp_path / "revisions", PEOPLE)
    await upgrade(database_url, [schema])
    engine = create_engine(database_url)
    try:
        await check_schemas(engine, [schema])
    finally:
        await engine.dispose()


async def test_a_service_does_not_create_a_sqlite_file_that_is_missing(tmp_path: Path) -> None:
    said = await refusal(f"sqlite:///{tmp_path / 'none.db'}", [schema_of(tmp_path / "revisions", PEOPLE)])

    assert said == f"there is no database {tmp_path / 'none.db'}: run atelier-migrate"
    assert not (tmp_path / "none.db").exists()


async def test_a_service_refuses_an_older_revision_and_names_both(database_url: str, tmp_path: Path) -> None:
    await upgrade(database_url, [schema_of(tmp_path / "revisions", PEOPLE)])

    said = await refusal(database_url, [schema_of(tmp_path / "revisions", PEOPLE, "pass")])

    assert "is at revision 0001" in said
    assert "needs 0002: run atelier-migrate" in said


async def test_what_a_newer_version_upgraded_is_refused_and_left_alone(database_url: str, tmp_path: Path) -> None:
    await upgrade(database_url, [schema_of(tmp_path / "newer", PEOPLE, "op.drop_table('pets')")])
    older = schema_of(tmp_path / "older", PEOPLE)

    assert "newer than this program" in await refusal(database_url, [older])
    with pytest.raises(ConfigurationError, match="newer than this program"):
        await upgrade(database_url, [older])
    assert await on(database_url, rows("SELECT version_num FROM alembic_version_people")) == [("0002",)]


async def test_a_revision_that_fails_leaves_the_database_as_it_was(database_url: str, tmp_path: Path) -> None:
    good, bad = schema_of(tmp_path / "good", PEOPLE), schema_of(tmp_path / "bad", "op.drop_table('none')", name="bad")

    with pytest.raises(Exception, match="none"):
        await upgrade(database_url, [good, bad])

    assert await on(database_url, lambda connection: inspect(connection).get_table_names()) == []


async def test_a_table_that_others_refer_to_is_rebuilt_with_its_rows_and_indexes(
    database_url: str, tmp_path: Path
) -> None:
    rebuild = """
with op.batch_alter_table("people") as people:
    people.add_column(sa.Column("priority", sa.Integer, nullable=False, server_default="2"))
    people.alter_column("age", existing_type=sa.Integer(), nullable=False)
with op.batch_alter_table("people") as people:
    people.alter_column("priority", existing_type=sa.Integer(), server_default=None)
"""
    await upgrade(database_url, [schema_of(tmp_path / "revisions", PEOPLE)])

    await upgrade(database_url, [schema_of(tmp_path / "revisions", PEOPLE, rebuild)])

    def look(connection: Connection) -> tuple[bool, str, str]:
        columns = {column["name"]: column for column in inspect(connection).get_columns("people")}
        (index,) = inspect(connection).get_indexes("people")
        (key,) = inspect(connection).get_foreign_keys("pets")
        condition = index["dialect_options"][f"{connection.dialect.name}_where"]
        return columns["age"]["nullable"], str(condition).strip("()"), key["referred_table"]

    assert await on(database_url, look) == (False, "age > 17", "people")
    query = (
        "SELECT people.name, age, priority, pets.name FROM people LEFT JOIN pets ON pets.of = people.name ORDER BY 1"
    )
    assert await on(database_url, rows(query)) == [("ada", 36, 2, None), ("ben", 9, 2, "rex")]


async def test_a_revision_that_breaks_a_foreign_key_fails(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'people.db'}"
    await upgrade(url, [schema_of(tmp_path / "revisions", PEOPLE)])

    with pytest.raises(RuntimeError, match="pets"):
        await upgrade(url, [schema_of(tmp_path / "revisions", PEOPLE, 'op.execute("DELETE FROM people")')])

    assert await on(url, rows("SELECT count(*) FROM people")) == [(2,)]


async def test_an_upgrade_waits_for_another_process_that_writes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'people.db'}"
    schema = schema_of(tmp_path / "revisions", PEOPLE)
    with closing(sqlite3.connect(tmp_path / "people.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")
        upgrading = asyncio.create_task(upgrade(url, [schema]))
        done, _ = await asyncio.wait({upgrading}, timeout=0.5)
        assert not done
        other.execute("COMMIT")

    assert await upgrading == {"people": (None, "0001")}
