"""Mailboxes of the connected workers: wake-ups and changed jobs that wait to be sent, bounded for each stream."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from atelier.jobs.v1 import worker_service_pb2

_MAX_CHANGED = 256

Response = worker_service_pb2.ConnectResponse


class Mailbox:
    """Signals for one worker, bounded however slowly it reads: wake-ups are coalesced, and of many changed jobs the
    oldest are dropped (the worker learns of them when it renews its leases)."""

    def __init__(self) -> None:
        self._work = False
        self._changed: dict[str, None] = {}
        self._closed = False
        self._filled = asyncio.Event()

    def put_work(self) -> None:
        """Signals that a job may be claimable."""
        self._work = True
        self._filled.set()

    def put_changed(self, job_id: str) -> None:
        """Signals that the owner of a job has changed it."""
        self._changed[job_id] = None
        while len(self._changed) > _MAX_CHANGED:
            del self._changed[next(iter(self._changed))]
        self._filled.set()

    def close(self) -> None:
        """Ends `next`: the stream has ended."""
        self._closed = True
        self._filled.set()

    async def next(self) -> Sequence[Response] | None:
        """Waits for signals and returns their messages; None when the mailbox is closed."""
        await self._filled.wait()
        self._filled.clear()
        if self._closed:
            return None
        changed, self._changed = self._changed, {}
        responses = [Response(job_changed=worker_service_pb2.JobChanged(job_id=job_id)) for job_id in changed]
        if self._work:
            self._work = False
            responses.append(Response(work_available=worker_service_pb2.WorkAvailable()))
        return responses


class WorkerMailboxes:
    """The mailboxes of all workers that are connected to this process."""

    def __init__(self) -> None:
        self._open: set[Mailbox] = set()

    @contextmanager
    def open(self) -> Iterator[Mailbox]:
        """Opens a mailbox for as long as its worker is connected."""
        mailbox = Mailbox()
        self._open.add(mailbox)
        try:
            yield mailbox
        finally:
            self._open.discard(mailbox)

    def put_work(self) -> None:
        """See Mailbox.put_work."""
        for mailbox in self._open:
            mailbox.put_work()

    def put_changed(self, job_id: str) -> None:
        """See Mailbox.put_changed."""
        for mailbox in self._open:
            mailbox.put_changed(job_id)
