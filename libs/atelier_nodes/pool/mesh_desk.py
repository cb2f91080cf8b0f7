"""The mesh desk: makes the calls of a host's nodes to the mesh, as the owner of each execution."""

import asyncio
import dataclasses
from collections.abc import Callable

import structlog

from atelier_nodes.mesh import ClipCall, ImageCall, MeshCalls, MeshError, MeshProgress
from atelier_nodes.protocol.messages import MeshAsked, MeshFailed, MeshProgressed, MeshReturned, ToHost

_log = structlog.get_logger(__name__)

_MOST_CALLS = 256


class MeshDesk:
    """The mesh calls of one host. A call for an execution that the host does not run is refused."""

    def __init__(self, send: Callable[[ToHost], None], mesh_of: Callable[[str], MeshCalls | None]) -> None:
        """Makes a desk.

        Args:
            send: Sends a message to the host.
            mesh_of: Returns the mesh of an execution that runs in the host; None for any other.
        """
        self._send = send
        self._mesh_of = mesh_of
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._executions: dict[int, str] = {}

    def ask(self, asked: MeshAsked) -> None:
        """Starts a call."""
        mesh = self._mesh_of(asked.execution)
        if mesh is None:
            self._send(MeshFailed(asked.number, "NOT_RUNNING", "the execution that asks does not run"))
        elif asked.number in self._calls or len(self._calls) >= _MOST_CALLS:
            self._send(MeshFailed(asked.number, "TOO_MANY_CALLS", f"at most {_MOST_CALLS} calls at a time"))
        else:
            self._executions[asked.number] = asked.execution
            self._calls[asked.number] = asyncio.create_task(self._serve(asked, mesh))

    def abandon(self, number: int) -> None:
        """Cancels a call that the host no longer waits for."""
        if call := self._calls.get(number):
            call.cancel()

    def end(self, execution: str | None = None) -> None:
        """Cancels the calls of an execution, or of all."""
        for number, of in list(self._executions.items()):
            if execution in (None, of):
                self.abandon(number)

    async def _serve(self, asked: MeshAsked, mesh: MeshCalls) -> None:
        try:
            self._send(await self._reply(asked, mesh))
        except MeshError as error:
            self._send(MeshFailed(asked.number, error.reason, error.message))
        except (KeyError, TypeError, ValueError) as error:
            self._send(MeshFailed(asked.number, "BAD_CALL", f"{asked.method}: {type(error).__name__}: {error}"))
        except Exception:  # noqa: BLE001 - logged; the node must not go on waiting
            _log.exception("a mesh call of a node failed", method=asked.method, execution=asked.execution)
            self._send(MeshFailed(asked.number, "INTERNAL", f"{asked.method} failed"))
        finally:
            del self._calls[asked.number], self._executions[asked.number]

    async def _reply(self, asked: MeshAsked, mesh: MeshCalls) -> MeshReturned:
        arguments = asked.arguments

        def on_progress(progress: MeshProgress) -> None:
            self._send(MeshProgressed(asked.number, progress.step, progress.steps, progress.preview))

        match asked.method:
            case "generate_image":
                image = await mesh.generate_image(
                    ImageCall(str(arguments["node_id"]), dict(arguments["parameters"])), on_progress
                )
                return MeshReturned(asked.number, dataclasses.asdict(image), b"")
            case "generate_clip":
                clip = await mesh.generate_clip(
                    ClipCall(str(arguments["node_id"]), dict(arguments["parameters"])), on_progress
                )
                return MeshReturned(asked.number, dataclasses.asdict(clip), b"")
            case "read_asset":
                return MeshReturned(asked.number, None, await mesh.read_asset(str(arguments["asset_id"])))
            case "store_asset":
                content_type, filename = str(arguments["content_type"]), str(arguments["filename"])
                return MeshReturned(asked.number, await mesh.store_asset(asked.data, content_type, filename), b"")
            case "models":
                models = await mesh.models()
                return MeshReturned(asked.number, [dataclasses.asdict(model) for model in models], b"")
