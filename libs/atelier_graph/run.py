"""One execution of a prompt: nodes are entered as the schedule says, until all outputs are there or one node fails."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atelier_graph.blocker import ExecutionBlocker
from atelier_graph.cache_entry import CacheEntry, ExpansionKeys, NodeCache, PromptKeys
from atelier_graph.cache_keys import CacheKeys
from atelier_graph.context import CurrentNode, Report
from atelier_graph.dynamic_prompt import DynamicPrompt
from atelier_graph.errors import (
    DependencyCycleError,
    GraphLimitError,
    NodeDeclarationError,
    NodeInputError,
    NodeReturnError,
    RunInterruptedError,
)
from atelier_graph.events import (
    ExecutionBlocked,
    NodeExecuted,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodesCached,
    NodeStarted,
    Observer,
    RunInterrupted,
)
from atelier_graph.failures import failure_of
from atelier_graph.held_results import HeldResults
from atelier_graph.hidden_inputs import hidden_values
from atelier_graph.interruption import Interruption
from atelier_graph.limits import GraphLimits
from atelier_graph.link import Link
from atelier_graph.node_call import NodeCalls, Raised, Values
from atelier_graph.node_classes import NodeClasses
from atelier_graph.node_objects import NodeObjects
from atelier_graph.prompt import Prompt
from atelier_graph.returns import NodeReturn, merged_outputs, merged_ui, read_return
from atelier_graph.run_node import RunNode, read_node
from atelier_graph.schedule import Schedule

_EXECUTED_SHOWN = 1_000
_CANCEL_S = 1.0


class RunStopped(Exception):  # noqa: N818 - also interrupts, which are no errors
    """The execution ends before all outputs are there; `failure` is None when it was interrupted."""

    def __init__(self, failure: NodeFailed | None) -> None:
        super().__init__()
        self.failure = failure


@dataclass(frozen=True, slots=True)
class _Parked:
    """A node whose asynchronous calls are not all done."""

    results: list[Any]
    values: Values


class Run:
    """One execution. Attributes `outputs` and `meta` hold the `ui` of nodes and their places, by node."""

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
        self.outputs: dict[str, dict[str, Any]] = {}
        self.meta: dict[str, dict[str, Any]] = {}
        self._prompt = prompt
        self._dynamic = DynamicPrompt(prompt, limits)
        self._classes = classes
        self._cache = cache
        self._objects = objects
        self._limits = limits
        self._observer = observer
        self._interruption = interruption
        self._prompt_id = prompt_id
        self._extra_data = extra_data
        self._keys = CacheKeys(self._node_or_none)
        self._results = HeldResults(cache, self._keys)
        self._schedule = Schedule()
        self._nodes: dict[str, RunNode] = {}
        self._parked: dict[str, _Parked] = {}
        self._expanded: dict[str, list[NodeReturn]] = {}
        self._executed: list[str] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._deadline = None if limits.seconds is None else time.monotonic() + limits.seconds

    async def execute(self, outputs: Sequence[str]) -> None:
        """Runs what these nodes need.

        Raises:
            RunStopped: A node failed, or the execution was interrupted. The event of it is published.
        """
        try:
            await self._begin()
            self._activate(outputs)
            while len(self._schedule):
                if self._parked:
                    await asyncio.sleep(0)  # asynchronous nodes go on between synchronous ones
                node_id = self._schedule.take()
                if node_id is not None:
                    await self._guarded(node_id, lambda node_id=node_id: self._enter(node_id))  # type: ignore[misc]
                elif self._parked:
                    await self._guarded(next(iter(self._parked)), self._wait)
                else:
                    self._blame_cycle()
        finally:
            await self._cancel_tasks()

    async def _begin(self) -> None:
        nodes = self._prompt.nodes
        self._objects.begin(nodes)
        await self._keys.add(nodes)
        keys = frozenset(map(self._keys.of, nodes))
        self._cache.begin(PromptKeys(keys, frozenset(map(self._root, nodes))))
        cached = {node_id: entry for node_id in nodes if (entry := self._cache.get(self._keys.of(node_id)))}
        self._observer.publish(NodesCached(list(cached)))
        for node_id, entry in cached.items():
            node_class = self._node(node_id).node_class
            if entry.ui is not None and node_class.has_intermediate_output and not node_class.is_output:
                self._publish_ui(node_id, entry.ui)

    async def _guarded(self, node_id: str, step: Callable[[], Any]) -> None:
        """Does something for a node; whatever is raised is the failure of that node."""
        try:
            await step()
        except RunStopped:
            raise
        except BaseException as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            raise self._stopped(node_id, error) from error

    def _activate(self, node_ids: Iterable[str]) -> None:
        """Adds nodes to the schedule, and all that they wait for and that is neither there nor added yet."""
        added: list[tuple[str, list[str]]] = []
        stack = list(reversed(list(node_ids)))
        while stack:
            node_id = stack.pop()
            if node_id in self._schedule:
                continue
            try:
                node = self._node(node_id)
                self._results.need(node.upstream)
                cached = self._results.find(node_id) is not None
                missing = [] if cached else [each for each in node.required_upstream if not self._available(each)]
            except Exception as error:
                raise self._stopped(node_id, error) from error
            self._schedule.add(node_id, is_output=node.node_class.is_output, is_async=node.is_async)
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
        """Takes a node one step further: calls it, resumes it, or finds its result in the cache."""
        if (parked := self._parked.pop(node_id, None)) is not None:
            await self._take_results(node_id, parked.results)
        elif (returns := self._expanded.pop(node_id, None)) is not None:
            self._finish(node_id, returns)
            self._results.release(link.node_id for each in returns for link in each.links)
        elif (entry := self._results.find(node_id)) is not None:
            self._reuse(node_id, entry)
        else:
            await self._call(self._node(node_id))

    async def _call(self, node: RunNode) -> None:
        place = self._dynamic.place(node.id)
        self._observer.publish(NodeStarted(place.node, place.display_node, place.parent, place.real))
        values, unevaluated = self._values(node)
        instance = self._objects.of(node.id, node.class_type, node.python_class, root=place.real)
        calls = NodeCalls(node, instance, values, lambda index: self._context(node.id, index), self._on_blocked(node))
        if getattr(instance, "check_lazy_status", None) is not None:
            names = [name for name in await calls.needed_inputs() if name not in values or name in unevaluated]
            if names:
                self._demand(node, names)
                return
        results = await calls.results()
        tasks = {result for result in results if isinstance(result, asyncio.Task)}
        if all(task.done() for task in tasks):
            await self._take_results(node.id, results)
        else:
            self._park(node.id, _Parked(results, values), tasks)

    def _values(self, node: RunNode) -> tuple[dict[str, Sequence[Any]], set[str]]:
        """The lists of values of a node's inputs, and the names of those that are not evaluated."""
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
        """Makes a node wait for lazy inputs that it asked for."""
        for name in names:
            link = node.links.get(name)
            if link is None:
                exists = name in node.dropped or name in node.constants
                fault = "is a constant" if exists else "does not exist"
                raise NodeInputError(f"check_lazy_status asks for input {name!r} of node {node.id!r}, which {fault}")
            self._wait_for(node.id, link)
        self._schedule.release(node.id)

    def _wait_for(self, node_id: str, link: Link) -> None:
        if not self._available(link.node_id):
            self._activate([link.node_id])
            self._schedule.wait(node_id, link.node_id)

    def _park(self, node_id: str, parked: _Parked, tasks: set[asyncio.Task[Any]]) -> None:
        """Leaves a node until its asynchronous calls are done; others run meanwhile."""
        self._parked[node_id] = parked
        remaining = {task for task in tasks if not task.done()}

        def note(task: asyncio.Task[Any]) -> None:
            remaining.discard(task)
            self._tasks.discard(task)
            if not remaining and node_id in self._schedule:
                self._schedule.release(node_id)
                self._interruption.wake()

        self._tasks |= remaining
        for task in list(remaining):
            task.add_done_callback(note)

    async def _wait(self) -> None:
        """Waits until a parked node can be resumed."""
        await self._interruption.wait(self._deadline)
        self._check()

    async def _take_results(self, node_id: str, results: Iterable[Any]) -> None:
        """Goes on with what the calls of a node returned."""
        node_class = self._node(node_id).node_class
        returns = [read_return(node_class, _result_of(result)) for result in results]
        ui = merged_ui(returns)
        if ui is not None:
            self._publish_ui(node_id, ui)
        if any(each.graph is not None for each in returns):
            await self._expand(node_id, returns)
        else:
            self._finish(node_id, returns)

    async def _expand(self, node_id: str, returns: list[NodeReturn]) -> None:
        """Adds the graphs that a node returned; the node waits for the outputs that its result links to."""
        new = self._dynamic.expand(node_id, (each.graph for each in returns if each.graph is not None))
        scope = f"{node_id} {self._dynamic.class_of(node_id)}"
        await self._keys.add(new, scope=scope)
        root = self._root(self._dynamic.place(node_id).real)
        self._cache.expand(ExpansionKeys(scope, root, frozenset(map(self._keys.of, new))))
        self._expanded[node_id] = returns
        links = [link for each in returns for link in each.links]
        self._results.need(link.node_id for link in links)
        self._activate(each for each in new if self._node(each).node_class.is_output)
        for link in links:
            self._wait_for(node_id, link)
        self._schedule.release(node_id)

    def _finish(self, node_id: str, returns: Iterable[NodeReturn]) -> None:
        node = self._node(node_id)
        outputs = merged_outputs(node.node_class, returns, self._values_of)
        self._results.store(node_id, CacheEntry(outputs, self.outputs.get(node_id)))
        self._executed.append(node_id)
        self._leave(node)

    def _reuse(self, node_id: str, entry: CacheEntry) -> None:
        node = self._node(node_id)
        if entry.ui is not None or node.node_class.is_output:
            self._publish_ui(node_id, entry.ui)
        self._leave(node)

    def _leave(self, node: RunNode) -> None:
        place = self._dynamic.place(node.id)
        self._observer.publish(NodeFinished(place.node, place.display_node, place.parent, place.real))
        self._results.release(node.upstream)
        self._schedule.finish(node.id)

    def _values_of(self, link: Link) -> Sequence[Any]:
        values = self._results.values(link)
        if values is None:
            raise NodeReturnError(f"The result of the expansion links to node {link.node_id!r}, which has no outputs")
        return values

    def _publish_ui(self, node_id: str, ui: dict[str, Any] | None) -> None:
        place = self._dynamic.place(node_id)
        if ui is not None:
            self.outputs[node_id], self.meta[node_id] = ui, place.to_meta()
        self._observer.publish(NodeExecuted(place.node, place.display_node, place.parent, place.real, ui))

    def _on_blocked(self, node: RunNode) -> Callable[[ExecutionBlocker], ExecutionBlocker]:
        def report(blocker: ExecutionBlocker) -> ExecutionBlocker:
            if blocker.message is None:
                return blocker
            executed = self._executed[-_EXECUTED_SHOWN:]
            self._observer.publish(ExecutionBlocked(node.id, node.class_type, executed, str(blocker.message)))
            return ExecutionBlocker(None)

        return report

    def _context(self, node_id: str, index: int) -> CurrentNode:
        return CurrentNode(self._prompt_id, node_id, index, self._report(node_id), self._check)

    def _report(self, own_id: str) -> Report:
        def report(
            value: float,
            max: float,  # noqa: A002 - the port's signature
            *,
            preview: bytes | None = None,
            preview_type: str = "image/jpeg",
            node_id: str | None = None,
        ) -> None:
            self._check()
            place = self._dynamic.place(own_id if node_id is None else node_id)
            self._observer.publish(
                NodeProgress(
                    place.node, place.display_node, place.parent, place.real, value, max, preview, preview_type
                )
            )

        return report

    def _check(self) -> None:
        if self._interruption.is_set:
            raise RunInterruptedError
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise GraphLimitError(f"The execution takes longer than {self._limits.seconds} s")

    def _blame_cycle(self) -> None:
        cycle = self._schedule.cycle()
        places = [self._dynamic.place(node_id) for node_id in cycle]
        place = next((each for each in places if each.parent is not None), places[0])
        blamed = place.display_node if place.display_node in self._prompt.nodes else place.real
        shown = " -> ".join(f"{each} ({self._dynamic.class_of(each)})" for each in [*cycle, cycle[0]][:50])
        raise self._stopped(blamed, DependencyCycleError(f"Dependency cycle detected: {shown}"))

    def _stopped(self, node_id: str, error: BaseException) -> RunStopped:
        """Publishes that a node failed or was interrupted."""
        real = self._dynamic.place(node_id).real
        class_type = self._prompt.class_of(real)
        if isinstance(error, RunInterruptedError):
            self._observer.publish(RunInterrupted(real, class_type, list(self._executed)))
            return RunStopped(None)
        failure = failure_of(
            error,
            node_id=real,
            node_type=class_type,
            inputs=self._received(node_id),
            executed=self._executed,
            with_outputs=self._executed,
        )
        self._observer.publish(failure)
        return RunStopped(failure)

    def _received(self, node_id: str) -> Values:
        node = self._nodes.get(node_id)
        if node is None or node_id not in self._schedule:
            return {}
        hidden = {spec.name for spec in node.node_class.hidden}
        return {name: values for name, values in self._values(node)[0].items() if name not in hidden}

    def _node(self, node_id: str) -> RunNode:
        if node_id not in self._nodes:
            literal = not self._dynamic.is_ephemeral(node_id)
            self._nodes[node_id] = read_node(node_id, self._dynamic.get_node(node_id), self._classes, literal=literal)
        return self._nodes[node_id]

    def _node_or_none(self, node_id: str) -> RunNode | None:
        try:
            return self._node(node_id) if self._dynamic.has_node(node_id) else None
        except (NodeDeclarationError, NodeInputError):
            return None  # it is reported when the node is to run

    def _root(self, node_id: str) -> str:
        return f"{node_id} {self._prompt.class_of(node_id)}"

    async def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CANCEL_S)


def _result_of(result: Any) -> Any:
    """What a call returned; raises what it raised."""
    if isinstance(result, asyncio.Task):
        if result.cancelled():
            raise NodeReturnError("The node's asynchronous function was cancelled")
        result = result.result()
    if isinstance(result, Raised):
        raise result.error
    return result
