"""The caller's execution of a graph: its record, and the operations on it."""

import os
from pathlib import Path, PurePosixPath

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty

from atelier.events.v1.events_pb2 import Event
from atelier.storage.v1 import storage_pb2
from atelier.storage.v1.storage_pb2 import GetAssetContentRequest
from atelier.workflow.v1 import execution_pb2
from atelier.workflow.v1.execution_pb2 import (
    CancelExecutionRequest,
    DeleteExecutionRequest,
    Execution,
    ExecutionOutput,
    ExecutionProgress,
    GetExecutionRequest,
    ListExecutionsRequest,
    ListExecutionsResponse,
    WatchExecutionRequest,
)
from atelier_client.job import AsyncJob, JobRecord
from atelier_client.job_kind import JobKind
from atelier_client.rpc import rpc
from atelier_client.whole_file import save_whole

_FILE = execution_pb2.DESCRIPTOR
_KIND = JobKind(
    list=rpc(_FILE, "ExecutionService.ListExecutions", ListExecutionsRequest, ListExecutionsResponse),
    listed=lambda page: page.executions,
    get=rpc(_FILE, "ExecutionService.GetExecution", GetExecutionRequest, Execution),
    cancel=rpc(_FILE, "ExecutionService.CancelExecution", CancelExecutionRequest, Execution),
    delete=rpc(_FILE, "ExecutionService.DeleteExecution", DeleteExecutionRequest, Empty),
    watch=rpc(_FILE, "ExecutionService.WatchExecution", WatchExecutionRequest, Event),
)
_CONTENT = rpc(storage_pb2.DESCRIPTOR, "StorageService.GetAssetContent", GetAssetContentRequest, HttpBody)


class ExecutionRecord(JobRecord[Execution]):
    """The record of an execution when it was fetched. `message` is the whole record, as the contract defines it."""

    @property
    def progress(self) -> ExecutionProgress:
        """The numbers of its nodes, done and in total, and the nodes that run."""
        return self.message.progress

    @property
    def outputs(self) -> tuple[ExecutionOutput, ...]:
        """The outputs of its output nodes: files, which have an `asset_id`, and values."""
        return tuple(self.message.outputs)

    @property
    def files(self) -> tuple[ExecutionOutput, ...]:
        """The outputs that are files; previews, which the graph does not save, are not among them."""
        return tuple(output for output in self.outputs if output.asset_id and not output.temporary)


class AsyncExecution(AsyncJob[Execution], ExecutionRecord):
    """An execution of an `AsyncClient`. The object is immutable: methods that change it return a new object."""

    kind = _KIND

    async def content(self, output: ExecutionOutput) -> bytes:
        """Returns the bytes of a file among its outputs, checked against their SHA-256. Raises IncompleteError."""
        return await self._bytes(_CONTENT, GetAssetContentRequest(id=output.asset_id), output)

    async def save_all(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Writes all files to a folder under the names that nodes gave them, and returns the paths.

        A name that is taken gets a number. Raises JobFailedError, OSError, and as `content` does.
        """
        self._require_outputs()
        taken = set[str]()
        paths = []
        for output in self.files:
            name = _free_name(PurePosixPath(output.filename).name or output.asset_id, taken)
            paths.append(await save_whole(Path(folder) / name, await self.content(output)))
        return paths


def _free_name(name: str, taken: set[str]) -> str:
    path, number, found = PurePosixPath(name), 1, name
    while found in taken:
        number += 1
        found = f"{path.stem}-{number}{path.suffix}"
    taken.add(found)
    return found
