"""A host's session: it loads nodes, then serves its pool until that ends."""

import asyncio
import dataclasses
import os
import threading
import time
import traceback
from pathlib import Path
from typing import NoReturn

from atelier_graph.limits import GraphLimits
from atelier_nodes.host.client_messages import PoolMessages
from atelier_nodes.host.lanes import Lanes
from atelier_nodes.host.loaded_nodes import load_nodes
from atelier_nodes.host.node_cache import cache_maker
from atelier_nodes.host.server import HostServer
from atelier_nodes.host.wire import Wire, WireClosedError
from atelier_nodes.mesh import ModelInfo, set_known_models
from atelier_nodes.packs.folders import NodeFolders, use_folders
from atelier_nodes.packs.host_options import use_options
from atelier_nodes.packs.prompt_server import PromptServer
from atelier_nodes.protocol.isolation import HostIsolation
from atelier_nodes.protocol.messages import HostLoaded, OpenHost, PackBegun, Ping, Replied, ToHost


class Receiver:
    """Receives messages in a thread of its own, which no node can hold up. Ends the process with the pool."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._server: HostServer | None = None
        self._early: list[ToHost] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Starts the thread. Until `serve_with`, pings are answered and other messages are stored."""
        threading.Thread(target=self._run, name="receiver", daemon=True).start()

    def serve_with(self, server: HostServer) -> None:
        """Serves what is stored, and from now on everything, with `server`."""
        with self._lock:
            for message in self._early:
                server.take(message)
            self._server = server

    def _run(self) -> NoReturn:
        try:
            while True:
                message = self._wire.receive()
                with self._lock:
                    if self._server is not None:
                        self._server.take(message)
                    elif isinstance(message, Ping):
                        self._wire.send(Replied(message.number, None))
                    else:
                        self._early.append(message)
        except WireClosedError:
            os._exit(0)
        finally:
            # A host that receives nothing must not go on.
            traceback.print_exc()
            os._exit(1)


async def serve(wire: Wire, opening: OpenHost, isolation: HostIsolation, began: float) -> NoReturn:
    """Loads nodes and serves until the pool ends, upon which the process ends.

    Args:
        wire: The socket to the pool, adopted by this process.
        opening: What to load.
        isolation: What holds, for the report.
        began: When the process began to load, by the monotonic clock.
    """
    receiver = Receiver(wire)
    receiver.start()
    folders = NodeFolders.under(
        Path(opening.base),
        inputs=Path(opening.folders.input),
        outputs=Path(opening.folders.output),
        temp=Path(opening.folders.temp),
    )
    use_folders(folders)
    set_known_models([ModelInfo(**dataclasses.asdict(model)) for model in opening.models])
    loop = asyncio.get_running_loop()
    use_options(opening.options)
    PromptServer.instance.messages = PoolMessages(wire)
    nodes = await load_nodes(
        [Path(folder) for folder in opening.pack_folders],
        [Path(file) for file in opening.extra_model_paths],
        {Path(path): why for path, why in opening.skipped_packs.items()},
        lambda path: wire.send(PackBegun(str(path))),
    )
    limits = GraphLimits(**opening.limits)
    receiver.serve_with(HostServer(wire, nodes, Lanes(cache_maker(opening.cache)), folders, limits, loop))
    wire.send(HostLoaded(time.monotonic() - began, isolation, nodes.pack_nodes))
    while True:
        await asyncio.Event().wait()  # routes of packs run in this loop
