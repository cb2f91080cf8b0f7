"""Reports of workers in SQL: readable also while the broker is unavailable."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_diffusion.policy.model_card import FileFacts
from atelier_jobs.sql.clock import now_us
from atelier_jobs.sql.database import JobDatabase
from atelier_models.adapters.tables import ModelTables
from atelier_models.domain.model_view import EngineVersion, ModelReport, ModelState
from atelier_service.sql import conflict_insert, upsert

# Three heartbeats: one or two may be late.
ALIVE_S = 15.0
# How long reports of workers that are not alive are stored, for the facts of models' files (see `file_facts`).
_RETENTION_S = 7 * 24 * 3600.0


class SqlModelReports:
    """A ModelReports and a WorkerReports."""

    def __init__(self, database: JobDatabase, tables: ModelTables) -> None:
        self._database = database
        self._workers, self._states = tables.workers, tables.model_states
        self._is_alive = self._workers.c.heard_us > now_us() - int(ALIVE_S * 1e6)
        self._all = (
            select(self._states, self._is_alive.label("alive"))
            .join(self._workers, self._workers.c.worker_id == self._states.c.worker_id)
            .order_by(self._states.c.update_us.desc())
        )

    async def all(self) -> Sequence[ModelReport]:
        """See ModelReports.all."""
        async with self._database.read() as connection:
            rows = (await connection.execute(self._all)).all()
        return [
            ModelReport(
                worker_id=row.worker_id,
                model_id=row.model_id,
                state=ModelState[row.state],
                engine=EngineVersion(row.revision, row.fingerprint),
                memory_bytes=row.memory_bytes,
                reason=row.reason,
                message=row.message,
                facts=FileFacts(
                    row.own_scheduler or None,
                    tuple(row.schedulers.split()),
                    row.prompt_max_tokens,
                    LatentFormat(**json.loads(row.latents)) if row.latents else None,
                ),
                update_us=row.update_us,
                alive=bool(row.alive),
            )
            for row in rows
        ]

    async def workers_alive(self) -> bool:
        """See ModelReports.workers_alive."""
        query = select(self._workers.c.worker_id).where(self._is_alive).limit(1)
        async with self._database.read() as connection:
            return (await connection.execute(query)).first() is not None

    async def store(self, worker_id: str, reports: Iterable[ModelReport] = ()) -> None:
        """See WorkerReports.store."""
        async with self._database.write() as transaction:
            connection = transaction.connection
            await _upsert(connection, self._workers, {"worker_id": worker_id, "heard_us": now_us()}, "worker_id")
            for report in reports:
                values = {
                    "worker_id": worker_id,
                    "model_id": report.model_id,
                    "state": report.state.name,
                    "revision": report.engine.model_revision,
                    "fingerprint": report.engine.fingerprint,
                    "memory_bytes": report.memory_bytes,
                    "reason": report.reason,
                    "message": report.message,
                    "own_scheduler": report.facts.own_scheduler or "",
                    "schedulers": " ".join(report.facts.schedulers),
                    "prompt_max_tokens": report.facts.prompt_max_tokens,
                    "latents": json.dumps(asdict(report.facts.latents)) if report.facts.latents else "",
                    "update_us": now_us(),
                }
                await _upsert(connection, self._states, values, "worker_id", "model_id")

    async def sign_off(self, worker_id: str) -> None:
        """See WorkerReports.sign_off. Reports of workers that have not been alive for a week are deleted."""
        workers, states = self._workers, self._states
        old = select(workers.c.worker_id).where(workers.c.heard_us < now_us() - int(_RETENTION_S * 1e6))
        dead = {"worker_id": worker_id, "heard_us": now_us() - int(ALIVE_S * 1e6)}
        async with self._database.write() as transaction:
            await _upsert(transaction.connection, self._workers, dead, "worker_id")
            await transaction.connection.execute(delete(states).where(states.c.worker_id.in_(old)))
            await transaction.connection.execute(delete(workers).where(workers.c.worker_id.in_(old)))


async def _upsert(connection: AsyncConnection, table: Any, values: dict[str, Any], *keys: str) -> None:
    insert = conflict_insert(connection.dialect.name, table).values(values)
    await connection.execute(upsert(insert, keys, values.keys() - keys))
