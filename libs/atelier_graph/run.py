"""Runs: one execution of a prompt enters nodes in the order of the schedule until all have finished or one fails."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from atelier_graph.cache_entry import CacheEntry, ExpansionKeys, NodeCache, PromptKeys
from atelier_graph.cache_keys import CacheKeys
from atelier_graph.dynamic_prompt import DynamicPrompt
from atelier_graph.errors import DependencyCycleError, NodeInputError, NodeReturnError
from atelier_graph.events import NodeFailed, NodesCached, Observer
from atelier_graph.held_results import HeldResults
from atelier_graph.hidden_inputs import hidden_values
from atelier_graph.interruption import Interruption
from atelier_graph.limits import GraphLimits
from atelier_graph.link import Link
from atelier_graph.node_call import NodeCalls, result_of
from atelier_graph.node_classes import NodeClasses
from atelier_graph.node_objects import NodeObjects
from atelier_graph.prompt import Prompt
from atelier_graph.returns import NodeReturn, merged_outputs, merged_ui, read_return
from atelier_graph.run_node import RunNode, RunNodes
from atelier_graph.run_reports import RunReports
from atelier_graph.schedule import Schedule

_CANCEL_S = 1.0


class RunStopped(Exception):  # noqa: N818 - also interrupts, which are no errors
    """The execution ended early; `failure` is None when it was interrupted."""

    def __init__(self, failure: NodeFailed | None) -> None:
        super().__init__()
        self.failure = failure


class Run:
    """One execution of a prompt, for one call of `execute`.

    Attributes:
        reports: Publishes events, and has the outputs for the history.
    """

    def __init__(
        self,
        prompt: Prompt,
        classes: NodeClasses,
        cache: NodeCache,
        objects: NodeObjects,
        limits: GraphLimits,
        *,
        observer: Observer,
        interruption: Interruption,
        prompt_id: str,
        extra_data: Mapping[str, Any],
    ) -> None:
        self._prompt = prompt
        self._cache = cache
        self._objects = objects
        self._observer = observer
        self._interruption = interruption
        self._extra_data = extra_data
        self._dynamic = DynamicPrompt(prompt, limits)
        self._nodes = RunNodes(self._dynamic, classes)
        self._keys = CacheKeys(self._nodes.find)
        self._results = HeldResults(cache, self._keys)
        self._schedule = Schedule()
        self.reports = RunReports(observer, self._dynamic, prompt_id=prompt_id, check_interrupt=interruption.check)
        self._parked: dict[str, list[Any]] = {}
        """By node id, what its calls returned, while some of it is a task that is not done."""
        self._expanded: dict[str, list[NodeReturn]] = {}
        """By node id, what its calls returned, while it waits for its expansion."""
        self._tasks: set[asyncio.Task[Any]] = set()

    async def execute(self, outputs: Sequence[str]) -> None:
        """Runs these nodes and all that they depend on.

        Raises:
            RunStopped: A node failed, or the execution was interrupted. The event has been published.
            RunInterruptedError: It was interrupted in an IS_CHANGED, before the first node; no event was published.
        """
        try:
            await self._begin()
            self._activate(outputs)
            while len(self._schedule):
                if self._parked:
                    await asyncio.sleep(0)  # asynchronous nodes go on between synchronous ones
                node_id = self._schedule.take()
                if node_id is not None:
                    await self._guarded(node_id, partial(self._enter, node_id))
                elif self._parked:
                    await self._guarded(next(iter(self._parked)), self._interruption.wait)
                else:
                    self._blame_cycle()
        finally:
            await self._cancel_tasks()

    async def _begin(self) -> None:
        nodes = self._prompt.nodes
        self._objects.begin(nodes)
        await self._keys.add(nodes)
        self._cache.begin(PromptKeys(frozenset(map(self._keys.of, nodes)), frozenset(map(self._root, nodes))))
        cached = {node_id: entry for node_id in nodes if (entry := self._cache.get(self._keys.of(node_id)))}
        self._observer.publish(NodesCached(list(cached)))
        for node_id, entry in cached.items():
            node_class = self._nodes.of(node_id).node_class
            if entry.ui is not None and node_class.has_intermediate_output and not node_class.is_output:
                self.reports.ui(node_id, entry.ui)

    async def _guarded(self, node_id: str, step: Callable[[], Awaitable[None]]) -> None:
        """Runs a step of a node; whatever it raises becomes the failure of that node."""
        try:
            await step()
        except RunStopped:
            raise
        except BaseException as error:  # also SystemExit and the like, out of a node's code
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            raise self._stopped(node_id, error) from error

    def _activate(self, node_ids: Iterable[str]) -> None:
        """Adds nodes to the schedule, with all nodes that they wait for and that have no result yet."""
        added: list[tuple[str, list[str]]] = []
        stack = list(reversed(list(node_ids)))
        while stack:
            node_id = stack.pop()
            if node_id in self._schedule:
                continue
            try:
                node = self._nodes.of(node_id)
                self._results.need(node.upstream)
                cached = self._results.find(node_id) is not None
                missing = [] if cached else [each for each in node.required_upstream if not self._available(each)]
            except Exception as error:
                raise self._stopped(node_id, error) from error
            self._schedule.add(node_id, is_output=node.node_class.is_output, is_async=node.node_class.is_async)
            added.append((node_id, missing))
            stack += missing
        for node_id, missing in added:
            for upstream in missing:
                self._schedule.wait(node_id, upstream)
        for node_id, _ in added:
            self._schedule.release(node_id)

    def _available(self, node_id: str) -> bool:
        if not self._dynamic.has_node(node_id):
            raise NodeInputError(f"An input links to node {node_id!r}, which does not exist")
        return self._results.find(node_id) is not None

    async def _enter(self, node_id: str) -> None:
        """Advances a node: calls it, resumes it after its tasks or expansion, or takes its result from the cache."""
        node = self._nodes.of(node_id)
        if (parked := self._parked.pop(node_id, None)) is not None:
            await self._take_results(node, parked)
        elif (returns := self._expanded.pop(node_id, None)) is not None:
            self._finish(node, returns)
            self._results.release(link.node_id for each in returns for link in each.links)
        elif (entry := self._results.find(node_id)) is not None:
            if entry.ui is not None or node.node_class.is_output:
                self.reports.ui(node_id, entry.ui)
            self._leave(node)
        else:
            await self._call(node)

    async def _call(self, node: RunNode) -> None:
        self.reports.started(node.id)
        values, unevaluated = self._values(node)
        root = self._dynamic.place(node.id).real
        instance = self._objects.of(node.id, node.class_type, node.python_class, root=root)
        context_of = partial(self.reports.context, node.id)
        calls = NodeCalls(node, instance, values, context_of, self.reports.on_blocked(node))
        if getattr(instance, "check_lazy_status", None) is not None:
            names = [name for name in await calls.needed_inputs() if name not in values or name in unevaluated]
            if names:
                self._demand(node, names)
                return
        results = await calls.results()
        running = {result for result in results if isinstance(result, asyncio.Task) and not result.done()}
        if running:
            self._park(node.id, results, running)
        else:
            await self._take_results(node, results)

    def _values(self, node: RunNode) -> tuple[dict[str, Sequence[Any]], set[str]]:
        """The lists of values of a node's inputs, and the names of lazy inputs that are not evaluated."""
        values: dict[str, Sequence[Any]] = {}
        unevaluated = set()
        for name in node.names:
            link = node.links.get(name)
            found = [node.constants[name]] if link is None else self._results.values(link)
            values[name] = (None,) if found is None else found
            if found is None:
                unevaluated.add(name)
        hidden = hidden_values(node.node_class, node.id, self._prompt, self._dynamic, self._extra_data)
        return values | {name: [value] for name, value in hidden.items()}, unevaluated

    def _demand(self, node: RunNode, names: Iterable[str]) -> None:
        """Makes a node wait for lazy inputs that it requested."""
        for name in names:
            link = node.links.get(name)
            if link is None:
                fault = "is a constant" if name in node.dropped else "does not exist"
                raise NodeInputError(f"check_lazy_status asks for input {name!r} of node {node.id!r}, which {fault}")
            self._wait_for(node.id, link)
        self._schedule.release(node.id)

    def _wait_for(self, node_id: str, link: Link) -> None:
        if not self._available(link.node_id):
            self._activate([link.node_id])
            self._schedule.wait(node_id, link.node_id)

    def _park(self, node_id: str, results: list[Any], running: set[asyncio.Task[Any]]) -> None:
        """Parks a node until its asynchronous calls are done; other nodes run meanwhile."""
        self._parked[node_id] = results
        self._tasks |= running

        def note(task: asyncio.Task[Any]) -> None:
            running.discard(task)
            self._tasks.discard(task)
            if not running and node_id in self._schedule:
                self._schedule.release(node_id)
                self._interruption.wake()

        for task in list(running):
            task.add_done_callback(note)

    async def _take_results(self, node: RunNode, results: Iterable[Any]) -> None:
        """Reads what the calls of a node returned, and finishes or expands the node."""
        returns = [read_return(node.node_class, result_of(result)) for result in results]
        ui = merged_ui(returns)
        if ui is not None:
            self.reports.ui(node.id, ui)
        if any(each.graph is not None for each in returns):
            await self._expand(node, returns)
        else:
            self._finish(node, returns)

    async def _expand(self, node: RunNode, returns: list[NodeReturn]) -> None:
        """Adds the graphs that a node returned; the node waits for the outputs that its result links to."""
        new = self._dynamic.expand(node.id, (each.graph for each in returns if each.graph is not None))
        self._nodes.forget(new)
        self._keys.forget(new)
        scope = f"{node.id} {node.class_type}"
        await self._keys.add(new, scope=scope)
        root = self._root(self._dynamic.place(node.id).real)
        self._cache.expand(ExpansionKeys(scope, root, frozenset(map(self._keys.of, new))))
        self._expanded[node.id] = returns
        links = [link for each in returns for link in each.links]
        self._results.need(link.node_id for link in links)
        self._activate(each for each in new if self._nodes.of(each).node_class.is_output)
        for link in links:
            self._wait_for(node.id, link)
        self._schedule.release(node.id)

    def _finish(self, node: RunNode, returns: Iterable[NodeReturn]) -> None:
        outputs = merged_outputs(node.node_class, returns, self._values_of)
        self._results.store(node.id, CacheEntry(outputs, self.reports.outputs.get(node.id)))
        self.reports.executed.append(node.id)
        self._leave(node)

    def _leave(self, node: RunNode) -> None:
        self.reports.finished(node.id)
        self._results.release(node.upstream)
        self._schedule.finish(node.id)

    def _values_of(self, link: Link) -> Sequence[Any]:
        entry = self._results.find(link.node_id)
        if entry is None or not 0 <= link.slot < len(entry.outputs):
            raise NodeReturnError(
                f"The result links to output {link.slot} of node {link.node_id!r}, which is not there"
            )
        return entry.outputs[link.slot]

    def _blame_cycle(self) -> None:
        cycle = self._schedule.cycle()
        places = [self._dynamic.place(node_id) for node_id in cycle]
        place = next((each for each in places if each.parent is not None), places[0])
        blamed = place.display_node if place.display_node in self._prompt.nodes else place.real
        shown = " -> ".join(f"{each} ({self._dynamic.class_of(each)})" for each in [*cycle, cycle[0]][:50])
        raise self._stopped(blamed, DependencyCycleError(f"Dependency cycle detected: {shown}"))

    def _stopped(self, node_id: str, error: BaseException) -> RunStopped:
        node = self._nodes.find(node_id) if node_id in self._schedule else None
        hidden = set() if node is None else {spec.name for spec in node.node_class.hidden}
        values = {} if node is None else self._values(node)[0]
        received = {name: each for name, each in values.items() if name not in hidden}
        return RunStopped(self.reports.stopped(node_id, error, received))

    def _root(self, node_id: str) -> str:
        return f"{node_id} {self._prompt.class_of(node_id)}"

    async def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CANCEL_S)
