"""The commands of the launcher: `run`, the whole mesh on one machine, and `demo`."""

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack

from atelier_mesh.demo import NotMadeError, make_demo, make_picture
from atelier_mesh.mesh import address_file, running_mesh
from atelier_mesh.ports import PortInUseError
from atelier_mesh.settings import MeshSettings
from atelier_mesh.state_folder import Address, AlreadyRunningError, UnknownAddressError
from atelier_mesh.supervisor import ProgramFailedError
from atelier_service.configuration import EXIT_STATUS, ConfigurationError, read
from atelier_service.process import run
from atelier_service.tasks import first_of


def _report(text: str) -> None:
    print(text, flush=True)


def _block(rows: dict[str, str]) -> str:
    width = max(map(len, rows))
    return "\n".join(f"  {name.ljust(width)}  {value}" for name, value in rows.items())


async def run_mesh(settings: MeshSettings) -> None:
    """Starts the mesh, prints its addresses, and stops it when it is cancelled. Raises what `running_mesh` raises."""
    started = time.monotonic()
    async with running_mesh(settings, _report) as address:
        api = f"{address.url}/api/v1"
        rows = {
            "REST": api,
            "Images": f"{api}/images/generate ({_workers(settings.image_workers)})",
            "Videos": f"{api}/videos/generate ({_workers(settings.video_workers)})",
            "WebSocket": f"ws://{address.grpc}/ws/v1/events",
            "Documentation": f"{address.url}/docs",
            "gRPC": address.grpc,
            "API key": address.api_key,
        }
        if settings.first_picture:
            rows |= await _first_picture(settings, address)
        rows |= {"Logs": f"{settings.state_dir / 'logs'}/", "Settings": f"{address_file(settings)}"}
        _report(f"\nAtelier is up after {time.monotonic() - started:.1f} s.\n\n{_block(rows)}\n")
        _report("  Ctrl-C stops everything.")
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            _report("Stopping ...")


def _workers(count: int) -> str:
    return {0: "no worker: they wait", 1: "1 worker"}.get(count, f"{count} workers")


async def _first_picture(settings: MeshSettings, address: Address) -> dict[str, str]:
    target = settings.state_dir / "first-picture.png"
    try:
        trace_id = await make_picture(address, target)
    except (NotMadeError, OSError) as error:
        return {"First picture": f"not made: {error}"}
    return {"First picture": str(target), "Its trace id": trace_id}


async def run_demo(settings: MeshSettings) -> None:
    """Makes a picture and a clip on the mesh that runs on the state folder, or on one that is started for them.

    Raises:
        UnknownAddressError: A mesh runs and has not written its address yet.
        NotMadeError: The mesh did not make one of them.
    """
    for_both = settings.model_copy(update={"video_workers": max(1, settings.video_workers)})
    async with AsyncExitStack() as stack:
        try:
            address = await stack.enter_async_context(running_mesh(for_both, _report))
        except AlreadyRunningError:
            address = Address.read(address_file(settings))
            _report(f"A mesh runs at {address.url}.")
        rows = await make_demo(address, settings.state_dir / "demo", _report)
        _report(f"\n{_block(rows)}\n")


async def _until(stopping: asyncio.Event, work: Coroutine[object, object, None]) -> None:
    """Runs `work` to its end; cancels it and waits for that when `stopping` is set. Raises what `work` raises."""
    async with first_of(work, stopping.wait()) as (working, _):
        pass
    if not working.cancelled():
        working.result()


_EXPECTED = (
    PortInUseError, AlreadyRunningError, ProgramFailedError, UnknownAddressError, NotMadeError, TimeoutError, OSError,
)  # fmt: skip

COMMANDS: dict[str, Callable[[MeshSettings], Coroutine[object, object, None]]] = {"run": run_mesh, "demo": run_demo}


def launch(name: str) -> None:
    """Runs the command `name` until it ends or a signal stops it. Ends the process with a message when it fails."""
    command = COMMANDS[name]

    async def _main(stopping: asyncio.Event) -> None:
        await _until(stopping, command(read(MeshSettings)))
        if command is run_demo and stopping.is_set():
            raise NotMadeError("stopped before everything was made")

    try:
        run(_main)
    except ConfigurationError as error:
        print(f"atelier-mesh: {error}", file=sys.stderr)
        sys.exit(EXIT_STATUS)
    except _EXPECTED as error:
        sys.exit(f"atelier-mesh: {error}")
