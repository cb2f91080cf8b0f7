"""A file that lands when its job was cleaned up already."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from atelier_artifacts.adapters.result_cache import SqlResultCache
from atelier_artifacts.adapters.tables import artifact_tables
from atelier_artifacts.domain.garbage_collector import GarbageCollector
from atelier_jobs.domain.claims import ClaimRequest
from atelier_jobs.domain.outbox import Cleanup
from atelier_jobs.domain.store import Submission
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.messaging.streams import Streams
from atelier_jobs.plane.relay import Relay
from atelier_jobs.sql.claims import SqlClaimStore
from atelier_jobs.sql.jobs import SqlJobStore
from atelier_jobs.sql.outbox import SqlOutbox
from atelier_jobs.sql.schema import SCHEMA
from atelier_jobs.sql.service_database import open_database
from atelier_service.migrations.upgrade import upgrade
from tests.support.wait import eventually


class Storage:
    """Files by job; one more of it lands after the first removal."""

    def __init__(self) -> None:
        self.files = ["first"]
        self.removals = 0

    async def delete_of_job(self, job_id: str, *, keep_epoch: int, up_to_epoch: int) -> None:
        self.files = [] if self.removals else ["late"]
        self.removals += 1


class NoBroker:
    """A broker that is away."""

    connected = False
    connections = 0

    def on_connect(self, _callback: Any) -> None:
        pass

    async def publish(self, _subject: str, _payload: bytes) -> bool:
        return False

    async def connection_after(self, _number: int) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize("kind", ["image", "video"])
async def test_it_goes_with_the_others_of_its_job(kind: str, tmp_path: Path) -> None:
    tables, storage = artifact_tables(kind), Storage()
    bus: Any = NoBroker()
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    await upgrade(url, (SCHEMA, tables.schema))
    async with open_database(url, tables.schema, origin="api") as database:
        collector = GarbageCollector(SqlResultCache(database, tables), storage)

        async def cleanup(what: Cleanup) -> None:
            await collector.collect(what.job_id)

        jobs = SqlJobStore(database)
        await jobs.submit(Submission(job_id="j", owner="ada", kind=kind, spec=b"", max_attempts=1))
        assert await SqlClaimStore(database).claim(ClaimRequest(kind=kind, worker_id="w", lease_s=60, max_jobs=1))
        await jobs.delete("ada", "j")
        relay = Relay(
            SqlOutbox(database), bus, Streams(), database.wake_ups, EventFactory(), cleanup=cleanup, tick_s=0.05,
            late_s=0.05,
        )  # fmt: skip
        running = asyncio.create_task(relay.run())
        try:
            await eventually(lambda: storage.removals == 2)
        finally:
            running.cancel()
            await asyncio.wait([running])
        assert storage.files == []
