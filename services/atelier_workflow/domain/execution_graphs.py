"""Graphs of executions: the port that stores them, apart from their jobs."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol


class ExecutionGraphs(Protocol):
    """Stores the graphs of executions. Every method raises UnavailableError while the database is unavailable."""

    def storing(self, execution_id: str, graph: str) -> Callable[[Any], Awaitable[None]]:
        """Returns what stores a graph in the transaction that records its execution."""
        ...

    async def get(self, execution_id: str) -> str | None:
        """Returns the graph of an execution, as JSON text; None when there is none."""
        ...

    async def delete_unused(self, execution_id: str) -> None:
        """Deletes the graph of an execution that was deleted; that of any other stays. Idempotent."""
        ...
