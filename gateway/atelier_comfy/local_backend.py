"""Local backend: stores prompts in a file of this machine and runs them in a pool of node hosts."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

import structlog

from atelier_comfy.backend import QueueListing
from atelier_comfy.client_socket import Messages, text_message
from atelier_comfy.job_listing import JobFilter, job_of_row, whole_job_of_row
from atelier_comfy.node_pool import MeshOfPrompts, NodePool
from atelier_comfy.outbox import Progress
from atelier_comfy.prompt import Ended, Prompt, plain_number
from atelier_comfy.prompt_run import PromptRun
from atelier_comfy.prompt_store import PromptStore
from atelier_comfy.submission import PromptRefusedError, Submission
from atelier_graph.errors import GraphError
from atelier_graph.limits import GraphLimits
from atelier_graph.prompt import parse_prompt
from atelier_nodes.pool.catalogue import ValidationAnswer
from atelier_nodes.pool.errors import HostLostError
from atelier_nodes.protocol.execution import HostExecution
from atelier_service.tasks import uninterrupted

logger = structlog.get_logger(__name__)

MOST_ATTEMPTS = 3
"""Runs of a prompt during which the server may end, so that a prompt that ends the server is not run forever."""

_LOADING_LIMIT_S = 300.0
"""Seconds that a prompt waits for its validation while nodes are loaded."""


class LocalBackend:
    """Queue, history and runs of the one user of this machine."""

    def __init__(self, store: PromptStore, pool: NodePool, mesh: MeshOfPrompts, messages: Messages) -> None:
        self._store = store
        self._pool = pool
        self._mesh = mesh
        self._messages = messages
        self._running: dict[str, PromptRun] = {}
        self._number = 0
        self._added = asyncio.Event()

    async def open(self) -> None:
        """Opens the file; prompts that were running when the server ended wait again."""
        self._number = await self._store.open()

    async def run_prompts(self, at_once: int) -> None:
        """Runs waiting prompts, `at_once` at a time, until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(self._run_one_by_one())

    async def node_info(self) -> Mapping[str, Mapping[str, Any]]:
        """Entries of `/object_info`."""
        return (await self._pool.catalogue()).classes

    async def submit(self, submission: Submission) -> Mapping[str, Any]:
        """Validates a prompt and stores it; it is in the file when this returns."""
        number = self._next_number(submission)
        try:
            graph = parse_prompt(submission.graph, GraphLimits()).to_json()
            async with asyncio.timeout(_LOADING_LIMIT_S):
                validation = await self._validate(graph, submission.targets)
        except GraphError as error:
            raise PromptRefusedError(error.body) from error
        except TimeoutError:
            raise PromptRefusedError.of("nodes_loading", "Nodes are still being loaded", status=503) from None
        except HostLostError as error:
            raise PromptRefusedError.of("nodes_unavailable", error.message, status=503) from error
        if validation.error is not None:
            raise PromptRefusedError({"error": validation.error, "node_errors": validation.node_errors})
        now_ms = _now_ms()
        extra_data = {**submission.extra_data, "create_time": now_ms}
        prompt = Prompt(
            0, number, submission.prompt_id, validation.prompt, extra_data, submission.sensitive, validation.outputs
        )
        await uninterrupted(self._store.add(prompt, now_ms))
        await self._publish_remaining()
        self._added.set()
        return {"prompt_id": prompt.id, "number": plain_number(number), "node_errors": validation.node_errors}

    async def remaining(self) -> int:
        """How many prompts wait or run."""
        return await self._store.remaining()

    async def queue(self) -> QueueListing:
        """The prompts that wait and run."""
        return QueueListing(await self._store.listing("running"), await self._store.listing("waiting"))

    async def drop_waiting(self, ids: Collection[str] | None) -> None:
        """Takes waiting prompts out of the queue."""
        if await self._store.drop_waiting(ids):
            await self._publish_remaining()

    async def interrupt(self, prompt_id: str | None) -> None:
        """Ends what runs."""
        for running in list(self._running):
            if prompt_id is None or running == prompt_id:
                self._stop(running)

    async def cancel(self, prompt_id: str) -> bool | None:
        """Drops a prompt that waits or ends one that runs."""
        if await self._store.drop_waiting([prompt_id]):
            await self._publish_remaining()
            return True
        if prompt_id in self._running:
            self._stop(prompt_id)
            return True
        return None if await self._store.state_of(prompt_id) is None else False

    def history(self, max_items: int | None, offset: int) -> AsyncIterator[tuple[str, str]]:
        """Entries, oldest first."""
        return self._store.history(max_items, offset)

    async def entry(self, prompt_id: str) -> str | None:
        """JSON of one entry."""
        return await self._store.entry(prompt_id)

    async def forget(self, ids: Collection[str] | None) -> None:
        """Removes entries of the history."""
        await self._store.forget(ids)

    async def jobs(self, wanted: JobFilter) -> tuple[list[dict[str, Any]], int]:
        """One page of jobs."""
        rows, total = await self._store.jobs(wanted)
        return [job_of_row(row) for row in rows], total

    async def job(self, prompt_id: str) -> dict[str, Any] | None:
        """A job with its graph and outputs."""
        row = await self._store.job(prompt_id)
        return None if row is None else whole_job_of_row(row)

    async def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Lets go of memory of the hosts."""
        await self._pool.free(unload_models=unload_models, free_memory=free_memory)

    def now_running(self, client_id: str) -> list[str | Progress]:
        """Messages about a client's running prompts, for when it connects again."""
        runs = [run for run in self._running.values() if run.prompt.client_id == client_id]
        return [message for run in runs for message in run.now()]

    async def _run_one_by_one(self) -> None:
        while True:
            self._added.clear()
            prompt = await uninterrupted(self._store.claim(_now_ms()))
            if prompt is None:
                await self._added.wait()
                continue
            self._added.set()  # another prompt may wait, whose signal was cleared above
            await self._run(prompt)

    async def _run(self, prompt: Prompt) -> None:
        """Runs a prompt; its end is published when the history has it."""
        run = self._running[prompt.id] = PromptRun(prompt, self._messages, _now_ms)
        try:
            await self._publish_remaining()
            ended = await self._run_to_its_end(prompt, run)
            await uninterrupted(self._store.finish(prompt, ended))
        except asyncio.CancelledError:
            await uninterrupted(self._store.put_back(prompt))
            raise
        finally:
            del self._running[prompt.id]
        self._added.set()  # one with the same id may wait for this one's end
        await self._publish_remaining()
        if prompt.client_id is not None:
            self._messages.send(prompt.client_id, text_message("executing", {"node": None, "prompt_id": prompt.id}))

    async def _run_to_its_end(self, prompt: Prompt, run: PromptRun) -> Ended:
        if prompt.attempts > MOST_ATTEMPTS:
            return run.end_failed("ServerEndedError", f"the server ended {MOST_ATTEMPTS} times while this prompt ran")
        if run.is_stopped:
            return run.end_interrupted()
        execution = HostExecution(
            prompt.id, prompt.graph, tuple(prompt.outputs), {**prompt.extra_data, **prompt.sensitive}
        )
        try:
            return run.end(await self._pool.run(execution, self._mesh.for_prompt(prompt.id), run.publish))
        except HostLostError as error:
            return run.end_lost(error)
        except Exception as error:
            logger.exception("a prompt failed outside of its nodes", prompt_id=prompt.id)
            return run.end_failed(type(error).__name__, "the server failed to run this prompt; its log says more")

    async def _validate(self, graph: Mapping[str, Any], targets: Sequence[str] | None) -> ValidationAnswer:
        """Validates a graph, a second time if the host was lost, usually because of a node of another prompt."""
        try:
            return await self._pool.validate(graph, targets)
        except HostLostError:
            return await self._pool.validate(graph, targets)

    def _stop(self, prompt_id: str) -> None:
        """Ends a running prompt, also before the pool has it."""
        self._running[prompt_id].is_stopped = True
        self._pool.interrupt(prompt_id)

    async def _publish_remaining(self) -> None:
        remaining = await self._store.remaining()
        self._messages.broadcast(status_message(remaining))

    def _next_number(self, submission: Submission) -> float:
        number = float(self._number) if submission.number is None else submission.number
        self._number += 1
        return -number if submission.front else number


def status_message(remaining: int, client_id: str | None = None) -> str:
    """The message about the length of the queue; the first one of a socket names its id."""
    data: dict[str, Any] = {"status": {"exec_info": {"queue_remaining": remaining}}}
    return text_message("status", data if client_id is None else {**data, "sid": client_id})


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
