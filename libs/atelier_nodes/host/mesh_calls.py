"""Mesh calls of a host: each is sent to the pool, which makes it as the execution's owner."""

import asyncio
import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from atelier_nodes.host.wire import Wire
from atelier_nodes.mesh import (
    ClipAnswer,
    ClipCall,
    ImageAnswer,
    ImageCall,
    MeshError,
    MeshProgress,
    ModelInfo,
    OnMeshProgress,
)
from atelier_nodes.protocol.messages import (
    MeshAbandoned,
    MeshAsked,
    MeshFailed,
    MeshMethod,
    MeshProgressed,
    MeshReturned,
)


@dataclass(frozen=True, slots=True)
class _Waiting:
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[MeshReturned]
    on_progress: OnMeshProgress | None


class MeshSwitchboard:
    """The pending calls of all executions, by number. The receiving thread delivers progress and results."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._numbers = itertools.count(1)
        self._waiting: dict[int, _Waiting] = {}
        self._lock = threading.Lock()

    async def call(
        self,
        execution: str,
        method: MeshMethod,
        arguments: dict[str, Any],
        data: bytes = b"",
        on_progress: OnMeshProgress | None = None,
    ) -> MeshReturned:
        """Makes a call and waits for its result. If it is cancelled, the pool cancels the call too.

        Raises:
            MeshError: The call failed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[MeshReturned] = loop.create_future()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = _Waiting(loop, future, on_progress)
        try:
            self._wire.send(MeshAsked(number, execution, method, arguments, data))
            return await future
        except asyncio.CancelledError:
            self._wire.send(MeshAbandoned(number))
            raise
        finally:
            with self._lock:
                del self._waiting[number]

    def deliver(self, message: MeshReturned | MeshFailed | MeshProgressed) -> None:
        """Passes a message to its call; drops it when the call no longer waits."""
        with self._lock:
            waiting = self._waiting.get(message.number)
            if waiting is None:
                return
            # Within the lock: a call that has left its loop is no longer in the table.
            match message:
                case MeshProgressed():
                    if waiting.on_progress is not None:
                        progress = MeshProgress(message.step, message.steps, message.data)
                        waiting.loop.call_soon_threadsafe(waiting.on_progress, progress)
                case MeshFailed():
                    error = MeshError(message.reason, message.message)
                    waiting.loop.call_soon_threadsafe(_settle, waiting.future, error)
                case MeshReturned():
                    waiting.loop.call_soon_threadsafe(_settle, waiting.future, message)


def _settle(future: asyncio.Future[MeshReturned], outcome: MeshReturned | MeshError) -> None:
    if future.done():
        return
    if isinstance(outcome, MeshError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


class HostMesh:
    """A `MeshCalls` for the nodes of one execution."""

    def __init__(self, switchboard: MeshSwitchboard, execution: str) -> None:
        self._switchboard = switchboard
        self._execution = execution

    async def generate_image(self, call: ImageCall, on_progress: OnMeshProgress) -> ImageAnswer:
        """See `MeshCalls`."""
        value = (await self._generate("generate_image", call, on_progress)).value
        return ImageAnswer(value["job_id"], tuple(value["pictures"]), tuple(value["latents"]), value["cached"])

    async def generate_clip(self, call: ClipCall, on_progress: OnMeshProgress) -> ClipAnswer:
        """See `MeshCalls`."""
        value = (await self._generate("generate_clip", call, on_progress)).value
        return ClipAnswer(value["job_id"], tuple(value["clips"]), value["cached"])

    async def read_asset(self, asset_id: str) -> bytes:
        """See `MeshCalls`."""
        return (await self._switchboard.call(self._execution, "read_asset", {"asset_id": asset_id})).data

    async def store_asset(self, data: bytes, content_type: str, filename: str) -> str:
        """See `MeshCalls`."""
        arguments = {"content_type": content_type, "filename": filename}
        asset_id: str = (await self._switchboard.call(self._execution, "store_asset", arguments, data)).value
        return asset_id

    async def models(self) -> Sequence[ModelInfo]:
        """See `MeshCalls`."""
        returned = await self._switchboard.call(self._execution, "models", {})
        return tuple(ModelInfo(**entry) for entry in returned.value)

    async def _generate(
        self, method: MeshMethod, call: ImageCall | ClipCall, on_progress: OnMeshProgress
    ) -> MeshReturned:
        arguments = {"node_id": call.node_id, "parameters": dict(call.parameters)}
        return await self._switchboard.call(self._execution, method, arguments, on_progress=on_progress)
