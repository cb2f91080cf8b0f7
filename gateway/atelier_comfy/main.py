"""`atelier comfy`: composition of the server, and its entry point."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from atelier_comfy.absent_mesh import AbsentMesh
from atelier_comfy.client_socket import ClientSockets
from atelier_comfy.front_end import FrontEndError, front_end_folder
from atelier_comfy.node_pool import MeshOfPrompts
from atelier_comfy.options import OptionsError, ServerOptions, host_environment, read_options
from atelier_comfy.pack_message import send_pack_message
from atelier_comfy.server import serving
from atelier_nodes.mesh import MeshError, ModelInfo
from atelier_nodes.packs import model_folders
from atelier_nodes.packs.extra_paths import ExtraPathsError, apply_extra_paths
from atelier_nodes.pool.host_pool import HostPool, open_pool
from atelier_nodes.pool.options import PoolOptions
from atelier_nodes.protocol.execution import Folders
from atelier_service.process import background, run

logger = structlog.get_logger(__name__)

_MODELS_EVERY_S = 30.0
_WRONG_USAGE = 2


def main() -> None:
    """Entry point. Wrong usage and OSError are one line on standard error and exit code 2."""
    _set_up_log()
    try:
        options = read_options(sys.argv[1:], dict(os.environ))
        model_folders.use_models(options.base / "models")
        for file in options.extra_paths:
            apply_extra_paths(file)
        front_end = front_end_folder(options.front_end_root) if options.front_end else None
        run(lambda stopping: _serve(options, front_end, stopping))
    except (ExtraPathsError, FrontEndError, OptionsError, OSError) as error:
        print(f"atelier comfy: {error}", file=sys.stderr)
        sys.exit(_WRONG_USAGE)


def _set_up_log() -> None:
    """Logs readable lines to standard error; tracebacks omit the values of variables, which may be secret."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


async def _serve(options: ServerOptions, front_end: Path | None, stopping: asyncio.Event) -> None:
    """Serves until `stopping` is set."""
    sockets = ClientSockets()
    async with (
        _mesh(options) as mesh,
        open_pool(_pool_options(options), lambda message: send_pack_message(message, sockets)) as pool,
        serving(options, pool, mesh, sockets, front_end) as urls,
        background(_follow_models(mesh, pool)),
    ):
        for url in urls:
            print(f"atelier comfy: {url}", flush=True)
        await stopping.wait()


@asynccontextmanager
async def _mesh(options: ServerOptions) -> AsyncIterator[MeshOfPrompts]:
    """Opens the configured mesh, or an `AbsentMesh`."""
    if not options.mesh_url:
        yield AbsentMesh()
        return
    from atelier_client.async_client import AsyncClient  # a server without a mesh starts sooner without them
    from atelier_comfy.mesh_client import ClientMesh

    async with AsyncClient(options.mesh_url, options.mesh_key) as client:
        yield ClientMesh(client)


async def _follow_models(mesh: MeshOfPrompts, pool: HostPool) -> None:
    """Updates the models that nodes offer from the mesh, every 30 seconds."""
    known: Sequence[ModelInfo] = ()
    while True:
        try:
            models = tuple(await mesh.models())
        except MeshError as error:
            logger.warning("the models of the mesh are unknown", reason=error.reason, detail=error.message)
        else:
            if models != known:
                pool.set_models(models)
                known = models
        await asyncio.sleep(_MODELS_EVERY_S)


def _pool_options(options: ServerOptions) -> PoolOptions:
    packs = map(Path, model_folders.folders_of("custom_nodes"))
    return PoolOptions(
        folders=Folders(options.input, options.output, options.temp),
        base=options.base,
        hosts=options.hosts,
        warm_hosts=options.hosts,  # they are forked, which costs little
        cache=options.cache,
        pack_folders=(options.base / "custom_nodes", *packs) if options.custom_nodes else (),
        extra_model_paths=options.extra_paths,
        # The packs are the person's own, on the person's own machine: they may do what the person may.
        network=True,
        confine_files=False,
        environment=host_environment(os.environ),
        options={"cpu": options.cpu},
    )
