"""Graphs of executions in SQL, apart from their jobs: lists and claims do not read them."""

from typing import Any

from sqlalchemy import delete, insert, select

from atelier_jobs.domain.outcome import TransactionHook
from atelier_jobs.sql import schema
from atelier_jobs.sql.database import JobDatabase, Transaction
from atelier_workflow.adapters.tables import execution_graphs

_g = execution_graphs.c


class SqlExecutionGraphs:
    """An ExecutionGraphs."""

    def __init__(self, database: JobDatabase) -> None:
        self._database = database

    def storing(self, execution_id: str, graph: str) -> TransactionHook:
        """See ExecutionGraphs.storing."""

        async def store(transaction: Transaction) -> None:
            values: dict[str, Any] = {"execution_id": execution_id, "graph": graph}
            await transaction.connection.execute(insert(execution_graphs).values(values))

        return store

    async def get(self, execution_id: str) -> str | None:
        """See ExecutionGraphs.get."""
        async with self._database.read() as connection:
            found: str | None = (
                await connection.execute(select(_g.graph).where(_g.execution_id == execution_id))
            ).scalar()
        return found

    async def delete_unused(self, execution_id: str) -> None:
        """See ExecutionGraphs.delete_unused."""
        job = select(schema.jobs.c.id).where(schema.jobs.c.id == execution_id)
        unused = delete(execution_graphs).where(_g.execution_id == execution_id, ~job.exists())
        async with self._database.write() as transaction:
            await transaction.connection.execute(unused)
