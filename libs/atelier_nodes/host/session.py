"""The session of a host: it serves its pool until the pool ends."""

import asyncio
import os
import threading
import traceback
from pathlib import Path
from typing import NoReturn

from atelier_graph.limits import GraphLimits
from atelier_nodes.host.client_messages import PoolMessages
from atelier_nodes.host.lanes import Lanes
from atelier_nodes.host.loaded_nodes import LoadedNodes
from atelier_nodes.host.node_cache import cache_maker
from atelier_nodes.host.server import HostServer
from atelier_nodes.host.wire import Wire, WireClosedError
from atelier_nodes.packs.folders import NodeFolders
from atelier_nodes.packs.prompt_server import PromptServer
from atelier_nodes.protocol.isolation import HostIsolation
from atelier_nodes.protocol.messages import FolderPaths, HostLoaded, OpenHost


def folders_of(base: Path, paths: FolderPaths) -> NodeFolders:
    """Returns the folders in the form that nodes use.

    Args:
        base: The folder of models and of users' settings.
        paths: The other folders.
    """
    return NodeFolders.under(base, inputs=Path(paths.input), outputs=Path(paths.output), temp=Path(paths.temp))


async def serve(
    wire: Wire, opening: OpenHost, nodes: LoadedNodes, isolation: HostIsolation, seconds: float
) -> NoReturn:
    """Serves until the pool ends; then the process ends.

    Args:
        wire: The socket to the pool, used by this process only.
        opening: The options of the host.
        nodes: The loaded nodes.
        isolation: The protections, to be reported.
        seconds: How long the nodes took to load, to be reported.
    """
    PromptServer.instance.messages = PoolMessages(wire)
    await nodes.routes.start()
    server = HostServer(
        wire,
        nodes,
        Lanes(cache_maker(opening.cache)),
        folders_of(Path(opening.base), opening.folders),
        GraphLimits(**opening.limits),
        opening.isolation,
        asyncio.get_running_loop(),
    )
    wire.send(HostLoaded(seconds, isolation, nodes.pack_nodes))
    threading.Thread(target=_receive, args=(wire, server), name="receiver", daemon=True).start()
    while True:
        await asyncio.Event().wait()  # routes of packs run in this loop


def _receive(wire: Wire, server: HostServer) -> NoReturn:
    """Receives messages, in a thread in which no node runs. Ends the process when the pool ends."""
    try:
        while True:
            server.take(wire.receive())
    except WireClosedError:
        os._exit(0)
    finally:
        # A host that can receive no messages must end.
        traceback.print_exc()
        os._exit(1)
