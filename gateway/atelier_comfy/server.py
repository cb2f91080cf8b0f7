"""The server: composes the store, the backend and the routes, and serves them."""

import fcntl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from aiohttp import web

from atelier_comfy.application import SocketRoute, make_application
from atelier_comfy.client_socket import ClientSockets
from atelier_comfy.file_folders import FileFolders
from atelier_comfy.file_routes import FileRoutes
from atelier_comfy.front_end import front_end_routes
from atelier_comfy.local_backend import LocalBackend
from atelier_comfy.node_pool import MeshOfPrompts, NodePool
from atelier_comfy.node_routes import NodeRoutes
from atelier_comfy.options import ServerOptions, shown_arguments
from atelier_comfy.origin import OriginCheck
from atelier_comfy.pack_routes import PackRoutes
from atelier_comfy.prompt_handlers import PromptHandlers
from atelier_comfy.prompt_routes import PromptRoutes
from atelier_comfy.prompt_store import PromptStore
from atelier_comfy.system_routes import SystemRoutes
from atelier_comfy.user_routes import UserRoutes
from atelier_nodes.mesh import MeshError
from atelier_service.database import create_engine
from atelier_service.process import background

_CLOSE_TIMEOUT_S = 2.0


class StateInUseError(OSError):
    """Another server uses the folder of the state."""


@asynccontextmanager
async def serving(
    options: ServerOptions, pool: NodePool, mesh: MeshOfPrompts, sockets: ClientSockets, front_end: Path | None
) -> AsyncIterator[list[str]]:
    """Serves while the block runs, whether or not nodes are loaded; yields the URLs.

    Raises:
        StateInUseError: Another server has this state.
        OSError: A folder cannot be made, or an address cannot be bound.
    """
    folders = FileFolders(options.input, options.output, options.temp)
    folders.make()
    options.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(options.state):
        engine = create_engine(f"sqlite:///{options.state / 'prompts.sqlite'}")
        try:
            backend = LocalBackend(PromptStore(engine), pool, mesh, sockets)
            await backend.open()
            application = _application(options, folders, backend, pool, mesh, sockets, front_end)
            async with _listening(options, application) as urls, background(backend.run_prompts(options.hosts)):
                try:
                    yield urls
                finally:
                    sockets.close_all()
        finally:
            await engine.dispose()


def _application(
    options: ServerOptions,
    folders: FileFolders,
    backend: LocalBackend,
    pool: NodePool,
    mesh: MeshOfPrompts,
    sockets: ClientSockets,
    front_end: Path | None,
) -> web.Application:
    async def mesh_models() -> list[str]:
        try:
            return [model.id for model in await mesh.models() if model.kind == "image"]
        except MeshError as error:
            raise web.HTTPBadGateway(text=error.message) from error

    prompts, packs = PromptRoutes(backend, PromptHandlers(pool)), PackRoutes(pool, front_end)
    system = SystemRoutes(max_upload_bytes=options.max_upload_bytes, arguments=shown_arguments(sys.argv))
    routes = [
        *prompts.routes(),
        *NodeRoutes(backend, mesh_models).routes(),
        *FileRoutes(folders, options.max_upload_bytes).routes(),
        *UserRoutes(options.user).routes(),
        *system.routes(),
        *packs.routes(),
    ]
    return make_application(
        routes,
        api_only=prompts.job_routes(),
        pages=front_end_routes(front_end),
        rest=packs.rest(),
        socket=SocketRoute(sockets, backend),
        origin=OriginCheck(loopback_only=not options.open_to_all, allowed=options.cors_origin),
        max_bytes=options.max_upload_bytes,
    )


@asynccontextmanager
async def _listening(options: ServerOptions, application: web.Application) -> AsyncIterator[list[str]]:
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_CLOSE_TIMEOUT_S)
    await runner.setup()
    try:
        port, urls = options.port, []
        for address in options.listen:
            await web.TCPSite(runner, address, port).start()
            port = int(runner.addresses[-1][1])  # port 0 was any: the same for all addresses
            urls.append(f"http://{f'[{address}]' if ':' in address else address}:{port}")
        yield urls
    finally:
        await runner.cleanup()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Locks a folder for one server; the kernel releases the lock when the process ends."""
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateInUseError(f"another server uses {folder}: give one of them a --state-directory") from None
        yield
