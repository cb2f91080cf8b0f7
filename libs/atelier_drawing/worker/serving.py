"""A worker process: what it is made of, whatever it makes. It brings no torch: another process draws for it."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from atelier_artifacts.adapters.result_cache import SqlResultCache
from atelier_artifacts.adapters.storage import OwnersStorage
from atelier_artifacts.adapters.tables import artifact_tables
from atelier_artifacts.worker.asset_files import AssetFiles
from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.hardware import process_memory_bytes
from atelier_diffusion.engine.model_cache import ModelStatus
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.remote.remote_engine import RemoteEngine
from atelier_drawing.settings import DrawingWorkerSettings
from atelier_drawing.worker.fingerprint import fingerprint
from atelier_drawing.worker.handler import DrawingHandler, Generator
from atelier_jobs.domain.owner_jobs import Kind
from atelier_jobs.events.bus_progress import BusProgress
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.messaging.bus import Bus, BusUnavailableError
from atelier_jobs.messaging.streams import Streams
from atelier_jobs.messaging.work_signals import BusWorkSignals
from atelier_jobs.plane.relay import Relay
from atelier_jobs.sql.claims import SqlClaimStore
from atelier_jobs.sql.outbox import SqlOutbox
from atelier_jobs.sql.service_database import open_database
from atelier_jobs.worker.worker import Capacity, Worker, WorkerSettings
from atelier_models.adapters.model_reports import SqlModelReports
from atelier_models.adapters.tables import model_tables
from atelier_models.worker.command_listener import ModelCommandListener
from atelier_models.worker.heartbeat import Heartbeat, WorkerIdentity, WorkerLoad
from atelier_models.worker.status_publisher import ModelStatusPublisher
from atelier_service import process
from atelier_service.channel import open_channel
from atelier_service.configuration import ConfigurationError
from atelier_service.credentials import ServiceCredential
from atelier_service.errors import UnavailableError
from atelier_service.identity import JwksSource, TokenVerifier
from atelier_service.server import run_server

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RunningWorker:
    """A worker that takes jobs; `address` answers grpc.health.v1."""

    worker_id: str
    address: str
    engine: RemoteEngine


@asynccontextmanager
async def serve_worker(
    kind: Kind,
    service: str,
    settings: DrawingWorkerSettings,
    catalogue: Catalogue,
    jwks: JwksSource,
    *,
    opens: Callable[..., Any],
    events: EventFactory,
    generator: Callable[[RemoteEngine, AssetFiles], Generator],
    libraries: tuple[str, ...] = (),
) -> AsyncIterator[RunningWorker]:
    """Takes jobs while the context is open, and runs them through `generator`, with the engine that `opens` makes.
    `libraries` are those besides the engine's that change the bytes of what is made.

    At the end, jobs in hand get `job_grace_s` to end and are given back then. Database at the start is needed; broker,
    storage and auth may come later. Raises ConfigurationError for a device that is not there.
    """
    async with AsyncExitStack() as stack:
        artifacts, workers = artifact_tables(kind.name), model_tables(kind.name)
        origin = f"{service}-{settings.worker_id}-{os.getpid()}"
        database = await stack.enter_async_context(
            open_database(settings.database_url, artifacts.schema, workers.schema, origin=origin, events=events)
        )
        bus = await stack.enter_async_context(Bus.open(settings.nats_url, name=service))
        credential = ServiceCredential(settings.auth_address, service, settings.service_secret)
        stack.push_async_callback(credential.close)
        channel = await stack.enter_async_context(open_channel(settings.storage_address, token=credential.token))

        reports = SqlModelReports(database, workers)
        heartbeat = Heartbeat(bus, reports, every_s=settings.report_s)
        news = ModelStatusPublisher(bus, reports, settings.worker_id, changed=heartbeat.changed)
        try:
            engine = await stack.enter_async_context(_engine(opens, settings, catalogue, news.tell))
        except EngineError as error:
            raise ConfigurationError(f"ATELIER_DEVICE={settings.device}: {error.message}") from error

        def fingerprint_of(model_id: str) -> str:
            card = catalogue.get(model_id)
            return fingerprint(engine.device_name, card.dtype or engine.dtype, card.variant, libraries)

        news.draw_with(fingerprint_of)
        for status in engine.statuses:
            news.tell(status, event=False)
        files = AssetFiles(OwnersStorage(channel, credential), settings.store_patience_s)
        handler = DrawingHandler(generator(engine, files), fingerprint_of, changed=heartbeat.changed)
        claims = SqlClaimStore(database, SqlResultCache(database, artifacts).on_success)

        def capacity() -> Capacity:
            return Capacity(jobs=settings.slots, loaded=frozenset(news.ready_ids))

        worker = Worker(
            claims, BusWorkSignals(bus, kind.name, database.wake_ups), BusProgress(bus, database.events),
            handler,
            WorkerSettings(
                kind=kind.name, worker_id=settings.worker_id, lease_s=settings.lease_s, grace_s=settings.job_grace_s
            ),
            capacity,
        )  # fmt: skip
        relay = Relay(SqlOutbox(database), bus, Streams(), database.wake_ups)

        def load() -> WorkerLoad:
            return WorkerLoad(
                *handler.oldest,
                process_memory_bytes() + engine.resident_bytes,
                news.ready_ids,
                news.held_bytes,
                None if engine.device_kind == "cpu" else engine.memory,
            )

        identity = WorkerIdentity(settings.worker_id, kind.name, engine.device_kind, engine.device_name)
        stack.push_async_callback(_say_goodbye, relay, reports, settings.worker_id)
        works = [
            relay.run(),
            news.run(),
            heartbeat.run(identity, load),
            ModelCommandListener(engine, bus, kind.name).run(),
            _refresh(engine, settings.report_s),
        ]
        if settings.preload:
            works.append(_preload(engine, catalogue.default.id))
        await stack.enter_async_context(process.background(*works))
        await stack.enter_async_context(_working(worker))
        server = await stack.enter_async_context(
            run_server(settings, register=lambda _server: None, verifier=TokenVerifier(jwks))
        )
        yield RunningWorker(settings.worker_id, server.address, engine)


def _engine(
    opens: Callable[..., Any],
    settings: DrawingWorkerSettings,
    catalogue: Catalogue,
    listener: Callable[[ModelStatus], None],
) -> AbstractAsyncContextManager[RemoteEngine]:
    return RemoteEngine.open(
        opens,
        listener=listener,
        catalogue=catalogue,
        device=settings.device,
        dtype=settings.dtype or None,
        threads=settings.torch_threads,
        memory_budget_bytes=settings.memory_budget_bytes,
        cache_folder=settings.cache_folder,
        hf_endpoint=settings.hf_endpoint,
        model_index=settings.model_index,
    )


@asynccontextmanager
async def _working(worker: Worker) -> AsyncIterator[None]:
    """Takes jobs while the context is open, and ends them or gives them back at its end."""
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run(stopping))
        try:
            yield
        finally:
            stopping.set()


async def _refresh(engine: RemoteEngine, every_s: float) -> None:
    """Notices files of models that were replaced, so that no request is answered with pictures of the old ones."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await engine.refresh()
        except EngineError as error:
            _log.info("the files of the models were not looked at", reason=error.reason)


async def _preload(engine: RemoteEngine, model_id: str) -> None:
    """Jobs that come meanwhile wait for their turn on the device; a failure is told by the engine's listener."""
    try:
        await engine.warm_up(model_id)
    except EngineError as error:
        _log.warning("the default model was not loaded", model=model_id, reason=error.reason, error=error.message)
    except RuntimeError:
        _log.exception("the default model was not loaded", model=model_id)


async def _say_goodbye(relay: Relay, reports: SqlModelReports, worker_id: str) -> None:
    """Publishes what the last jobs left in the outbox. Whoever is away now hears it from others later."""
    try:
        await reports.left(worker_id)
        await relay.flush()
    except (BusUnavailableError, UnavailableError) as error:
        _log.info("left without a word", error=str(error))
