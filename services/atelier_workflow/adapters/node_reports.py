"""Nodes that workers report, in SQL: readable also while no worker runs."""

import hashlib
from collections.abc import Sequence

from sqlalchemy import delete, select, update

from atelier_jobs.sql.clock import now_us
from atelier_jobs.sql.database import JobDatabase
from atelier_service.sql import conflict_insert, upsert
from atelier_workflow.adapters.tables import node_reports

# Three reports: one or two may be late.
_ALIVE_S = 30.0
# How long the nodes of workers that are not alive are stored, so that graphs can be validated while no worker runs.
_RETENTION_S = 7 * 24 * 3600.0

_r = node_reports.c


class SqlNodeReports:
    """A NodeReports."""

    def __init__(self, database: JobDatabase) -> None:
        self._database = database

    async def digests(self) -> Sequence[str]:
        """See NodeReports.digests."""
        alive = _r.heard_us > now_us() - int(_ALIVE_S * 1e6)
        query = select(_r.digest, alive.label("alive")).order_by(_r.heard_us.desc())
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        living = [row.digest for row in rows if row.alive]
        return list(dict.fromkeys(living or [row.digest for row in rows[:1]]))

    async def nodes(self, digest: str) -> bytes | None:
        """See NodeReports.nodes."""
        async with self._database.read() as connection:
            query = select(_r.nodes).where(_r.digest == digest).limit(1)
            found: bytes | None = (await connection.execute(query)).scalar()
        return found

    async def store(self, worker_id: str, nodes: bytes) -> bool:
        """See NodeReports.store."""
        async with self._database.write() as transaction:
            connection = transaction.connection
            if not nodes:
                beat = update(node_reports).where(_r.worker_id == worker_id).values(heard_us=now_us())
                return (await connection.execute(beat)).rowcount == 1
            values = {
                "worker_id": worker_id,
                "digest": hashlib.sha256(nodes).hexdigest(),
                "nodes": nodes,
                "heard_us": now_us(),
                "update_us": now_us(),
            }
            statement = conflict_insert(connection.dialect.name, node_reports).values(values)
            await connection.execute(upsert(statement, ["worker_id"], values.keys() - {"worker_id"}))
            old = delete(node_reports).where(_r.heard_us < now_us() - int(_RETENTION_S * 1e6))
            await connection.execute(old)
        return True
