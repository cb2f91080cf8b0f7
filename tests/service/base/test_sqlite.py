"""SQLite for an event loop: who waits for another writer, and what a cancellation leaves behind."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from atelier_service.database import create_engine
from atelier_service.sqlite import CONNECTIONS

metadata = MetaData()
numbers = Table("numbers", metadata, Column("number", Integer, primary_key=True))


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'numbers.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield engine
    await engine.dispose()


@pytest.fixture
def other(engine: AsyncEngine, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another process, as far as SQLite can tell."""
    with closing(sqlite3.connect(tmp_path / "numbers.db", isolation_level=None)) as connection:
        yield connection


async def add(engine: AsyncEngine, number: int) -> None:
    async with engine.begin() as connection:
        await connection.execute(insert(numbers), {"number": number})


async def all_numbers(engine: AsyncEngine) -> list[int]:
    async with engine.execution_options(readonly=True).connect() as connection:
        return list((await connection.execute(select(numbers.c.number).order_by(numbers.c.number))).scalars())


async def test_whoever_waits_to_write_does_not_hold_up_the_loop(engine: AsyncEngine, other: sqlite3.Connection) -> None:
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(add(engine, 1))
    for _ in range(20):
        await asyncio.sleep(0.005)  # the loop goes round
        assert await all_numbers(engine) == []  # and readers wait for nobody
    assert not waiting.done()
    other.execute("COMMIT")
    await waiting
    assert await all_numbers(engine) == [1]


async def test_as_many_writers_as_there_are_connections_get_their_turn(engine: AsyncEngine) -> None:
    await asyncio.gather(*(add(engine, number) for number in range(4 * CONNECTIONS)))
    assert await all_numbers(engine) == list(range(4 * CONNECTIONS))


async def test_a_canceled_wait_leaves_no_lock_and_no_row(engine: AsyncEngine, other: sqlite3.Connection) -> None:
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(add(engine, 1))
    await asyncio.sleep(0.05)  # it waits in SQLite by now; if it does not yet, the outcome is the same
    waiting.cancel()
    other.execute("COMMIT")
    with pytest.raises(asyncio.CancelledError):
        await waiting
    other.execute("BEGIN IMMEDIATE")
    other.execute("COMMIT")
    await add(engine, 2)
    assert await all_numbers(engine) == [2]


async def test_a_transaction_that_fails_is_taken_back(engine: AsyncEngine) -> None:
    async def fail() -> None:
        async with engine.begin() as connection:
            await connection.execute(insert(numbers), {"number": 1})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await all_numbers(engine) == []


async def test_an_error_has_sqlalchemys_name(engine: AsyncEngine) -> None:
    with pytest.raises(OperationalError, match="no such table"):
        async with engine.begin() as connection:
            await connection.exec_driver_sql("INSERT INTO letters VALUES (1)")
