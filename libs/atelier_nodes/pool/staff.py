"""The staff of a pool: starts, chooses, replaces and ends its hosts."""

import asyncio
import dataclasses
import os
import time
from collections.abc import Callable

import structlog

from atelier_nodes.mesh import ModelInfo
from atelier_nodes.pool.errors import HostLostError
from atelier_nodes.pool.host import Host
from atelier_nodes.pool.host_usage import excess_of
from atelier_nodes.pool.options import PoolOptions
from atelier_nodes.pool.readable_places import readable_places
from atelier_nodes.pool.template_process import TemplateProcess
from atelier_nodes.protocol.execution import Folders
from atelier_nodes.protocol.isolation import HostIsolation, IsolationWish
from atelier_nodes.protocol.messages import FolderPaths, ModelEntry, OpenHost, PackMessage, SetModels

_log = structlog.get_logger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 30.0
_WATCH_EVERY_S = 0.25
_PING_EVERY_S = 10.0
_PING_LIMIT_S = 10.0
_MOST_PROCESSES = 64
# Of threads, libraries start some for each core.
_MOST_TASKS = _MOST_PROCESSES + 4 * (os.cpu_count() or 1)
# Consecutive failed starts after which calls that wait for a host fail with the reason.
_FAILURES = 3


class Staff:
    """Maintains between one and `PoolOptions.hosts` usable hosts.

    One is started at once. Another one is started whenever no host is idle, so that the next graph, also after a host
    was killed, need not wait for a start.

    Attributes:
        isolation: The protections of the host that was started last; empty before the first.
        pack_nodes: The names of node classes of packs.
    """

    def __init__(self, options: PoolOptions, on_message: Callable[[PackMessage], None]) -> None:
        self._options = options
        self._on_message = on_message
        self._models = tuple(options.models)
        self._hosts: list[Host] = []
        self._starting = 0
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._loading = asyncio.Lock()
        self._templates: list[TemplateProcess] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._skipped: dict[str, str] = {}
        self._failures = 0
        self._pause_until = 0.0
        self._fault: HostLostError | None = None
        self._lifetimes: set[asyncio.Task[None]] = set()
        self._closing = False
        self.isolation = HostIsolation()
        self.pack_nodes: frozenset[str] = frozenset()

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The living hosts, including those that are loading."""
        return tuple(self._hosts)

    async def run(self) -> None:
        """Starts and replaces hosts until it is cancelled; then ends all of them."""
        watch = asyncio.create_task(self._watch())
        try:
            while True:
                self._start_what_is_missing()
                await self._change(self._pause_s())
        finally:
            self._closing = True
            watch.cancel()
            for template in self._templates:
                template.kill()
            for lifetime in self._lifetimes:
                lifetime.cancel()
            await asyncio.gather(watch, *self._lifetimes, return_exceptions=True)
            await asyncio.gather(*(self._end_template(template) for template in list(self._templates)))

    async def take(self, choose: Callable[[tuple[Host, ...]], Host | None]) -> Host:
        """Waits until `choose` returns one of the living hosts. Waiting calls are served in order.

        Raises:
            HostLostError: No host can be started: HOST_NOT_STARTED.
        """
        self._waiting += 1
        self._start_what_is_missing()
        try:
            async with self._turn:
                host = await self.find(choose)
        finally:
            self._waiting -= 1
        self._start_what_is_missing()  # a spare one
        return host

    async def find(self, choose: Callable[[tuple[Host, ...]], Host | None]) -> Host:
        """Like `take`, but does not wait for other calls: for requests that do not occupy a host."""
        while (host := choose(self.hosts)) is None:
            if self._fault is not None and not self._hosts:
                raise self._fault
            self._start_what_is_missing()
            await self._change(None)
        return host

    def notify(self) -> None:
        """Wakes the calls that wait for a host, and `run`."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def _change(self, limit_s: float | None) -> None:
        """Waits for `notify`, no longer than `limit_s`."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await asyncio.wait({waiter}, timeout=limit_s)

    def set_models(self, models: tuple[ModelInfo, ...]) -> None:
        """Replaces the models of the mesh, in all hosts and in later ones."""
        self._models = models
        for host in self._hosts:
            host.send(SetModels(_entries(models)))

    def _pause_s(self) -> float | None:
        """Seconds until a start is tried again after a failure; None if starts need not wait."""
        pause = self._pause_until - time.monotonic()
        return max(pause, 0.01) if pause > 0 else None

    def _start_what_is_missing(self) -> None:
        """Starts a host for each waiting call, a spare one, and those to be loaded ahead, up to `PoolOptions.hosts`."""
        living = [host for host in self._hosts if not host.retired and host.loaded is not None]
        idle = sum(host.idle for host in living)
        missing = self._waiting + 1 - idle - self._starting
        if living:  # the first host loads alone, so that it is ready sooner
            missing = max(missing, self._options.warm_hosts - len(living) - self._starting)
        allowed = self._options.hosts - len(living) - self._starting
        if self._pause_s() is not None:
            return
        for _ in range(min(missing, allowed)):
            self._starting += 1
            task = asyncio.create_task(self._live())
            self._lifetimes.add(task)
            task.add_done_callback(self._lifetimes.discard)

    async def _live(self) -> None:
        """Runs one host from its start to its end."""
        try:
            template = await self._template()
            host = Host(await template.host(), self._on_message)
        except HostLostError as error:
            self._starting -= 1
            self._failed(error)
            return
        self._hosts.append(host)
        try:
            try:
                host.send(SetModels(_entries(self._models)))  # there may be others since the template was started
                await host.until_ready(self._options.load_limit_s)
            finally:
                self._starting -= 1
            self._opened(host)
            await host.lost.wait()
        except HostLostError as error:
            self._failed(HostLostError(error.reason, f"{error.message}: {template.last_line}"))
        finally:
            host.kill()
            await host.end()
            self._hosts.remove(host)
            if not template.forkable:
                await self._end_template(template)
            if not self._closing:
                self.notify()

    async def _template(self) -> TemplateProcess:
        """Returns a template that has loaded its nodes: a living one that forks hosts, else a new one.

        Raises:
            HostLostError: None can be started: HOST_NOT_STARTED.
        """
        async with self._loading:
            for template in list(self._templates):
                if template.lost.is_set():
                    await self._end_template(template)
                elif template.forkable:
                    return template
            while True:
                template = await self._new_template()
                try:
                    await template.load(self._opening(template), self._options.load_limit_s)
                    return template
                except HostLostError as error:
                    pack, said = template.loading_pack, template.last_line
                    await self._end_template(template)
                    if not pack or pack in self._skipped or self._closing:
                        raise HostLostError(
                            error.reason, f"{error.message}: {said}" if said else error.message
                        ) from error
                    self._skipped[pack] = f"it ended the process that loaded it: {error.message}"
                    _log.error("a pack ended its host and is passed over", pack=pack, how=error.message)

    async def _new_template(self) -> TemplateProcess:
        options = self._options
        try:
            template = await TemplateProcess.start(confined=options.confine_files, environment=options.environment)
        except OSError as error:
            raise HostLostError("HOST_NOT_STARTED", f"a host cannot be started: {error.strerror}") from error
        self._templates.append(template)
        return template

    async def _end_template(self, template: TemplateProcess) -> None:
        template.kill()
        await template.end()
        if template in self._templates:
            self._templates.remove(template)

    def _opened(self, host: Host) -> None:
        assert host.loaded is not None
        self._failures, self._fault = 0, None
        if self.isolation != host.loaded.isolation:
            self.isolation = host.loaded.isolation
            for line in self.isolation.missing:
                _log.warning("a protection of node hosts does not hold", protection=line.name, why=line.detail)
        self.pack_nodes = frozenset(host.loaded.pack_nodes)
        _log.info("a node host is ready", host=host.pid)
        self.notify()

    def _failed(self, error: HostLostError) -> None:
        if self._closing:
            return
        self._failures += 1
        self._pause_until = time.monotonic() + min(_FIRST_PAUSE_S * 2**self._failures, _LONGEST_PAUSE_S)
        _log.error("a node host did not start", why=error.message, failures=self._failures)
        if self._failures >= _FAILURES:
            self._fault = error
        self.notify()

    def _opening(self, process: TemplateProcess) -> OpenHost:
        options = self._options
        folders = options.folders
        writable = {folders.output, folders.temp, *([options.root] if options.root else [])}
        base = options.base or folders.output.parent
        return OpenHost(
            folders=folder_paths(folders),
            base=str(base),
            pack_folders=tuple(map(str, options.pack_folders)),
            extra_model_paths=tuple(map(str, options.extra_model_paths)),
            skipped_packs=self._skipped,
            cache=options.cache,
            models=_entries(self._models),
            limits=options.limits,
            isolation=IsolationWish(
                network=options.network,
                confine_files=options.confine_files,
                readable=tuple(map(str, readable_places(options, base))),
                writable=(str(process.folder), *sorted(map(str, writable))),
                memory_bytes=options.memory_bytes,
                max_processes=None if options.network else _MOST_TASKS,
            ),
            options=options.options,
        )

    async def _watch(self) -> None:
        """Ends hosts that exceed a limit, that do not respond, or that have been idle for long."""
        pinged = time.monotonic()
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            await asyncio.gather(*(self._end_greedy(host) for host in self.hosts if host.running and not host.retired))
            await self._end_idle()
            if time.monotonic() - pinged > _PING_EVERY_S:
                pinged = time.monotonic()
                await asyncio.gather(*(self._ping(host) for host in self.hosts if host.idle))

    async def _end_greedy(self, host: Host) -> None:
        options = self._options
        most = None if options.network else _MOST_PROCESSES
        excess = await asyncio.to_thread(excess_of, host.pid, memory_bytes=options.memory_bytes, processes=most)
        if excess is not None:
            _log.error("a node host takes too much and is ended", host=host.pid, limit=excess)
            host.kill(excess)

    async def _ping(self, host: Host) -> None:
        if not await host.responds(_PING_LIMIT_S) and not host.lost.is_set() and not host.running:
            _log.error("a node host does not respond and is replaced", host=host.pid)
            host.kill()

    async def _end_idle(self) -> None:
        """Ends the least recently used of several idle hosts, if no host has run a graph for `PoolOptions.idle_s`."""
        idle = sorted((host for host in self._hosts if host.idle), key=lambda host: host.used_at)
        if (
            len(idle) > 1
            and len(self._hosts) > self._options.warm_hosts
            and time.monotonic() - max(host.used_at for host in self._hosts) > self._options.idle_s
        ):
            idle[0].kill()


def folder_paths(folders: Folders) -> FolderPaths:
    """Returns folders in their form on the wire."""
    return FolderPaths(str(folders.input), str(folders.output), str(folders.temp))


def _entries(models: tuple[ModelInfo, ...]) -> tuple[ModelEntry, ...]:
    return tuple(ModelEntry(**dataclasses.asdict(model)) for model in models)
