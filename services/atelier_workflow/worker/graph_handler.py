"""The handler of executions: runs a graph in a host, and stores the outputs of its nodes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from atelier_artifacts.worker.asset_files import AssetFiles
from atelier_graph.events import GraphEvent, NodeExecuted, NodeFailed
from atelier_graph.execution import RunResult
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.worker.attempt import Attempt, InfrastructureFault, JobFault, Stopped, StopReason
from atelier_nodes.mesh import MeshCalls
from atelier_nodes.pool.errors import HostLostError
from atelier_nodes.protocol import Folders, HostExecution
from atelier_workflow.domain.execution import ExecutionSpec
from atelier_workflow.worker.execution_folders import ExecutionFolders
from atelier_workflow.worker.execution_progress import ExecutionProgress
from atelier_workflow.worker.graph_pool import GraphPool
from atelier_workflow.worker.output_files import OutputFiles

_LEAVE_RUNNING = (StopReason.SHUTDOWN, StopReason.LOST)
"""Reasons after which another attempt continues with the jobs of this one."""


class OpenMesh(MeshCalls, Protocol):
    """The mesh of one attempt; see `MeshJobs`."""

    @property
    def outage(self) -> bool:
        """True when a call was given up because a service was unavailable for too long."""
        ...

    async def cancel_open(self) -> None:
        """Cancels the jobs that have not ended."""
        ...


class GraphHandler:
    """A `Handler` of executions."""

    def __init__(
        self,
        pool: GraphPool,
        graph_of: Callable[[str], Awaitable[str]],
        mesh_of: Callable[[Job, Attempt], OpenMesh],
        files: AssetFiles,
        folders: ExecutionFolders,
        *,
        time_limit_s: float,
    ) -> None:
        """
        Args:
            pool: Runs graphs.
            graph_of: Returns the graph of an execution, given its id. Raises UnavailableError.
            mesh_of: Makes the mesh of an attempt.
            files: Stores and reads assets.
            folders: Makes the folders of executions.
            time_limit_s: Seconds after which an execution fails.
        """
        self._pool = pool
        self._graph_of = graph_of
        self._mesh_of = mesh_of
        self._files = files
        self._folders = folders
        self._time_limit_s = time_limit_s
        self._running: dict[str, int] = {}

    @property
    def oldest(self) -> tuple[str, int] | None:
        """The id and the epoch of the running execution that started first; None when none runs."""
        return next(iter(self._running.items()), None)

    async def run(self, job: Job, attempt: Attempt) -> Outcome:
        """See Handler.run."""
        self._running[job.id] = attempt.epoch
        mesh = self._mesh_of(job, attempt)
        try:
            async with self._folders.open(f"{job.id}-{attempt.epoch}") as folders:
                outcome = await self._run(job, attempt, mesh, folders)
            await mesh.cancel_open()  # jobs that a node requested and did not wait for
        except Stopped:
            if attempt.stop_reason not in _LEAVE_RUNNING:
                await mesh.cancel_open()
            raise
        except JobFault as fault:
            if mesh.outage:
                raise InfrastructureFault(f"a service was unavailable: {fault.message}") from fault
            if not fault.retryable or job.faults + 1 >= job.max_attempts:  # no other attempt goes on with its jobs
                await mesh.cancel_open()
            raise
        finally:
            self._running.pop(job.id, None)
        return outcome

    async def _run(self, job: Job, attempt: Attempt, mesh: OpenMesh, folders: Folders) -> Outcome:
        spec = ExecutionSpec.from_bytes(job.spec)
        prompt: dict[str, Any] = json.loads(await attempt.unless_stopped(_awaited(self._graph_of(job.id))))
        for asset_id in spec.asset_ids:
            content = await self._files.read(job, attempt, asset_id)
            await asyncio.to_thread((folders.input / asset_id).write_bytes, content)
        await self._validate(attempt, prompt, spec)
        progress = ExecutionProgress(attempt, prompt, spec.node_count)
        outputs = OutputFiles(job, attempt, self._files, folders)
        name = f"{job.id}-{attempt.epoch}"
        execution = HostExecution(
            id=name,
            prompt=prompt,
            outputs=spec.targets,
            folders=folders,
            time_limit_s=self._time_limit_s,
            scope=name,  # a cached result names files of its execution: those of an earlier attempt are gone
        )
        with attempt.span("workflow.execute", {"workflow.nodes": spec.node_count}):
            result = await attempt.unless_stopped(self._run_graph(execution, folders, mesh, attempt, progress, outputs))
        if result.status == "error" and result.error is not None:
            error = _without_paths(result.error, folders)
            text = f"node {error.node_id} ({error.node_type}): {error.exception_message}"
            raise JobFault("NODE_FAILED", text[:2000], retryable=False)
        if result.status != "success":
            raise JobFault("INTERRUPTED", "the graph was interrupted")
        return Outcome(outputs.result.to_bytes())

    async def _run_graph(
        self,
        execution: HostExecution,
        folders: Folders,
        mesh: MeshCalls,
        attempt: Attempt,
        progress: ExecutionProgress,
        outputs: OutputFiles,
    ) -> RunResult:
        """Runs the graph, and stores the outputs of each node when it publishes them."""
        made: asyncio.Queue[tuple[str, Mapping[str, Any]]] = asyncio.Queue()

        def take(event: GraphEvent) -> None:
            progress.take(_without_paths(event, folders) if isinstance(event, NodeFailed) else event)
            if isinstance(event, NodeExecuted) and event.ui:
                made.put_nowait((event.node, event.ui))

        async def store() -> None:
            while True:
                node_id, ui = await made.get()
                await outputs.store(node_id, ui)
                await attempt.save_partial(outputs.result.to_bytes())
                made.task_done()

        storing = asyncio.create_task(store())
        try:
            running = asyncio.create_task(self._pool.run(execution, mesh, take))
            try:
                await asyncio.wait((running, storing), return_when=asyncio.FIRST_COMPLETED)
                if storing.done():  # it ends with an error alone
                    storing.result()
                result = await running
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
            stored = asyncio.create_task(made.join())
            try:
                await asyncio.wait((stored, storing), return_when=asyncio.FIRST_COMPLETED)
            finally:
                stored.cancel()
            if storing.done():
                storing.result()
            return result
        except HostLostError as error:
            if error.node_id:
                progress.fail(error.node_id, error.node_type, error.reason, error.message)
            raise _fault(error) from error
        finally:
            storing.cancel()
            await asyncio.gather(storing, return_exceptions=True)

    async def _validate(self, attempt: Attempt, prompt: Mapping[str, Any], spec: ExecutionSpec) -> None:
        """Validates the graph with the code of its nodes, which the API process does not have.

        Faults of inputs whose value is an asset id are ignored: the hosts validate outside of any execution, and the
        file is in the folder of this one.
        """
        try:
            answer = await attempt.unless_stopped(self._pool.validate(prompt, spec.targets))
        except HostLostError as error:
            raise _fault(error) from error
        for node_id, entry in answer.node_errors.items():
            inputs = prompt.get(node_id, {}).get("inputs", {})
            for fault in entry["errors"]:
                name = (fault.get("extra_info") or {}).get("input_name")
                if inputs.get(name) in spec.asset_ids:
                    continue
                text = f"node {node_id} ({entry.get('class_type')}), {name or 'inputs'}: {fault['message']}"
                details = f": {fault['details']}" if fault.get("details") else ""
                raise JobFault("INVALID_GRAPH", f"{text}{details}"[:2000], retryable=False)
        if answer.error is not None and not answer.node_errors:
            raise JobFault("INVALID_GRAPH", str(answer.error.get("message"))[:2000], retryable=False)


def _without_paths(failure: NodeFailed, folders: Folders) -> NodeFailed:
    """Returns the failure with paths relative to the folder of the execution, to hide the server's paths."""
    return replace(failure, exception_message=failure.exception_message.replace(f"{folders.output.parent}/", ""))


def _fault(error: HostLostError) -> JobFault | InfrastructureFault:
    match error.reason:
        case "HOST_NOT_STARTED":
            return InfrastructureFault(error.message)
        case "MEMORY_LIMIT":
            return JobFault("MEMORY_LIMIT", error.message, retryable=False)
        case "TIME_LIMIT":
            return JobFault("TIME_LIMIT", error.message, retryable=False)
        case _:
            return JobFault("HOST_LOST", error.message)


async def _awaited(work: Awaitable[str]) -> str:
    return await work
