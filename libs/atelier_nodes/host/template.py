"""A template: a process that has loaded all nodes and runs none of them. Hosts are forked from it.

    pool → guardian → (first process of a namespace) → template → guardian → host → what nodes start

A forked host starts in milliseconds and shares the template's pages. A template that cannot be forked, because a pack
started threads or initialized a device during its import, becomes a host itself; the pool then starts a template for
each host.
"""

import asyncio
import contextlib
import dataclasses
import gc
import os
import random
import select
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch

from atelier_nodes.host.guardian import fork_under_guardian
from atelier_nodes.host.isolation import separate_from_siblings
from atelier_nodes.host.loaded_nodes import LoadedNodes, load_nodes
from atelier_nodes.host.session import folders_of, serve
from atelier_nodes.host.wire import Wire
from atelier_nodes.mesh import ModelInfo, set_known_models
from atelier_nodes.packs.folders import use_folders
from atelier_nodes.packs.host_options import use_options
from atelier_nodes.protocol.isolation import HostIsolation
from atelier_nodes.protocol.messages import HostExited, HostForked, OpenHost, PackBegun, TemplateLoaded


class Template:
    """The template of one pool."""

    def __init__(self, connection: socket.socket, wire: Wire, opening: OpenHost, isolation: HostIsolation) -> None:
        self._connection = connection
        self._wire = wire
        self._opening = opening
        self._isolation = isolation
        self._folder = Path.cwd()
        self._hosts: dict[int, int] = {}
        """Process ids of guardians, by the descriptor that becomes readable when the guardian ends."""

    def run(self) -> NoReturn:
        """Loads the nodes, and makes a host for each socket that the pool sends. Ends when the pool ends."""
        began = time.monotonic()
        opening, wire = self._opening, self._wire
        use_folders(folders_of(Path(opening.base), opening.folders))
        use_options(opening.options)
        set_known_models([ModelInfo(**dataclasses.asdict(model)) for model in opening.models])
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # a pack that computes during its import must start no threads: a fork loses them
        nodes = asyncio.run(
            load_nodes(
                [Path(folder) for folder in opening.pack_folders],
                [Path(file) for file in opening.extra_model_paths],
                {Path(path): why for path, why in opening.skipped_packs.items()},
                lambda path: wire.send(PackBegun(str(path))),
            )
        )
        forkable = threading.active_count() == 1 and not _has_device()
        seconds = time.monotonic() - began
        wire.send(TemplateLoaded(forkable))
        gc.freeze()  # otherwise garbage collections in hosts copy the shared pages
        own = self._next_host() if forkable else self._receive_socket()
        torch.set_num_threads(threads)
        self._become_host(own, nodes, seconds)

    def _next_host(self) -> socket.socket:
        """Forks a host for each socket; returns in the hosts, each with its own."""
        while True:
            ready, _, _ = select.select([self._connection.fileno(), *self._hosts], [], [])
            for ended in self._hosts.keys() & set(ready):
                self._reap(ended)
            if self._connection.fileno() in ready:
                own = self._receive_socket()
                guardian = os.fork()
                if guardian == 0:
                    self._enter_host(own)
                    return own
                own.close()
                self._hosts[os.pidfd_open(guardian)] = guardian
                self._wire.send(HostForked(guardian, str(self._folder_of(guardian))))

    def _receive_socket(self) -> socket.socket:
        """Waits for the socket of the next host. Ends the process when the pool has ended."""
        data, fds, _, _ = socket.recv_fds(self._connection, 1, 1)
        if not data:
            os._exit(0)
        own = socket.socket(fileno=fds[0])
        own.set_inheritable(False)
        return own

    def _reap(self, ended: int) -> None:
        guardian = self._hosts.pop(ended)
        os.close(ended)
        _, status = os.waitpid(guardian, 0)
        self._wire.send(HostExited(guardian, os.waitstatus_to_exitcode(status)))

    def _enter_host(self, own: socket.socket) -> None:
        """Makes this process, which was just forked, a guardian with a host below it; returns in the host."""
        folder = self._folder_of(os.getpid())
        for ended in self._hosts:
            os.close(ended)
        # A host must not hold the template's socket. `close` would wait for the file object that reads from it.
        os.close(self._connection.detach())
        folder.mkdir()
        fork_under_guardian(own.fileno(), namespace=False)
        separate_from_siblings(self._opening.isolation)
        if self._opening.isolation.confine_files:
            os.chdir(folder)
            os.environ["TMPDIR"] = str(folder)
            tempfile.tempdir = None
        random.seed()
        np.random.seed()
        torch.seed()

    def _folder_of(self, guardian: int) -> Path:
        return self._folder / f"host-{guardian}"

    def _become_host(self, own: socket.socket, nodes: LoadedNodes, seconds: float) -> NoReturn:
        wire = Wire(own)
        os.register_at_fork(after_in_child=lambda: _close_once(own))
        asyncio.run(serve(wire, self._opening, nodes, self._isolation, seconds))
        os._exit(1)


def _close_once(connection: socket.socket) -> None:
    """Closes the socket in a process that a node forked; once, as a child of that may reuse the descriptor."""
    if connection.fileno() >= 0:
        with contextlib.suppress(OSError):  # a node may have closed it
            os.close(connection.detach())


def _has_device() -> bool:
    """Returns True if a pack has initialized CUDA, which a forked process cannot use."""
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
