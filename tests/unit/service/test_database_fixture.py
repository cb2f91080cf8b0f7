"""The engines that everything stands on."""

from sqlalchemy import text

from atelier_service.database import create_engine


async def test_queries_run_on_sqlite_and_on_postgresql(database_url: str) -> None:
    engine = create_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (n BIGINT PRIMARY KEY)"))
        await connection.execute(text("INSERT INTO t VALUES (41), (1)"))
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT sum(n) FROM t"))).scalar_one() == 42
    await engine.dispose()
