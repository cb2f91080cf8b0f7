"""SQL engines: SQLite on one machine, PostgreSQL on many."""

import time
from typing import Any

from opentelemetry import trace
from sqlalchemy import AsyncAdaptedQueuePool, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from atelier_service.sqlite import BEGIN_TO_WRITE, BUSY_TIMEOUT_MS, CONNECTIONS, LoopSqlite
from atelier_service.telemetry import tracer

_IDLE_S = 1.0

registry.register("sqlite.loop", LoopSqlite.__module__, LoopSqlite.__name__)


def create_engine(url: str) -> AsyncEngine:
    """Creates a traced engine for a URL of the form `sqlite:///…` or `postgresql+asyncpg://…`.

    On SQLite there is a write-ahead log, every commit is synced to the disk, and writers wait up to 10 s for one
    another. Each transaction takes the write lock at its start, so that none fails at its first write after a read.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_async_engine(
            parsed.set(drivername="sqlite+loop"),
            poolclass=AsyncAdaptedQueuePool,
            pool_size=4,
            max_overflow=CONNECTIONS - 4,
            connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
        )
        _set_up_sqlite(engine)
    else:
        engine = create_async_engine(url, pool_size=8, max_overflow=8)
        _ping_after_idling(engine)
    _trace(engine)
    return engine


def _set_up_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        # Reads need no transaction: each statement sees what was committed, as on PostgreSQL.
        if not connection.get_execution_options().get("readonly", False):
            connection.exec_driver_sql(BEGIN_TO_WRITE)


def _ping_after_idling(engine: AsyncEngine) -> None:
    """Pings a connection that was idle for a second before it is used; one in constant use needs no ping."""

    @event.listens_for(engine.sync_engine, "checkin")
    def _checkin(_connection: Any, record: Any) -> None:
        record.info["idle_since_s"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def _checkout(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("idle_since_s", float("inf")) < _IDLE_S:
            return
        dialect = engine.dialect
        try:
            dialect.do_ping(connection)
        except Exception as error:
            if isinstance(error, dialect.loaded_dbapi.Error) and dialect.is_disconnect(error, connection, None):
                raise DisconnectionError from error  # the pool then opens another one
            raise


def _trace(engine: AsyncEngine) -> None:
    """A client span for each statement inside a trace (the published instrumentation refuses SQLAlchemy 2.1)."""

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def _before(_c: Any, _cursor: Any, statement: str, _p: Any, context: Any, _many: bool) -> None:
        if context is not None and trace.get_current_span().is_recording():
            name = f"sql {statement.split(None, 1)[0]}"
            attributes = {"db.system": engine.dialect.name, "db.statement": statement}
            context.atelier_span = tracer().start_span(name, kind=trace.SpanKind.CLIENT, attributes=attributes)

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def _after(_c: Any, _cursor: Any, _s: str, _p: Any, context: Any, _many: bool) -> None:
        span = getattr(context, "atelier_span", None)
        if span is not None:
            span.end()

    @event.listens_for(engine.sync_engine, "handle_error")
    def _error(error: Any) -> None:
        span = getattr(error.execution_context, "atelier_span", None)
        if span is not None:
            span.set_status(trace.StatusCode.ERROR)
            span.end()
