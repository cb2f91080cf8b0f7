"""Background tasks of the job plane, in an API process."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from atelier_jobs.domain.outbox import Cleanup
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.messaging.bus import Bus
from atelier_jobs.messaging.streams import Streams
from atelier_jobs.plane.queue_status import publish_queue_status
from atelier_jobs.plane.reconciler import Reconciler
from atelier_jobs.plane.relay import Relay
from atelier_jobs.sql.database import JobDatabase
from atelier_jobs.sql.jobs import SqlJobStore
from atelier_jobs.sql.outbox import SqlOutbox
from atelier_jobs.sql.upkeep import SqlUpkeep


def plane_tasks(
    database: JobDatabase,
    bus: Bus,
    events: EventFactory,
    kind: str,
    *,
    collect: Callable[[str], Awaitable[None]],
    queue_status_s: float,
    hold_off_s: float,
) -> tuple[Coroutine[Any, Any, None], ...]:
    """Returns the relay of the outbox, the reconciler and the queue status; each runs until it is cancelled.

    Args:
        database: The database of the jobs.
        bus: Where the relay publishes.
        events: Makes the messages of events.
        kind: Kind of the jobs.
        collect: Deletes the files of a job, given its id, to which no job refers; called again when it raises
            UnavailableError.
        queue_status_s: Seconds between two counts of the queue.
        hold_off_s: Seconds in which no lease is reaped after a time in which none could be renewed; see Reconciler.
    """

    async def cleanup(what: Cleanup) -> None:
        await collect(what.job_id)

    return (
        Relay(SqlOutbox(database), bus, Streams(), database.wake_ups, events, cleanup=cleanup).run(),
        Reconciler(SqlUpkeep(database), hold_off_s=hold_off_s).run(),
        publish_queue_status(SqlJobStore(database), bus, kind, queue_status_s),
    )
