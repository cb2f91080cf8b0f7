"""Calls of a node: its function for each element of its input lists, and its `check_lazy_status`."""

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atelier_graph.blocker import ExecutionBlocker
from atelier_graph.context import CurrentNode, entered
from atelier_graph.custom_validation import nested_inputs
from atelier_graph.errors import NodeReturnError
from atelier_graph.list_mapping import slices_of
from atelier_graph.run_node import RunNode

Values = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class _Raised:
    """What an asynchronous function raised.

    A task must not raise it itself: a SystemExit would stop the event loop.
    """

    error: BaseException


@dataclass(frozen=True, slots=True)
class NodeCalls:
    """Calls the code of one node.

    Attributes:
        node: The node.
        instance: The object of its class.
        values: The lists of values of its inputs.
        context_of: Returns the context of the call with that index.
        on_blocked: Receives a blocker among the inputs and returns the blocker to pass on.
    """

    node: RunNode
    instance: Any
    values: Values
    context_of: Callable[[int], CurrentNode]
    on_blocked: Callable[[ExecutionBlocker], ExecutionBlocker]

    async def needed_inputs(self) -> list[str]:
        """Calls check_lazy_status for each element, and returns the names that any of the calls returned."""
        names: dict[str, None] = {}
        for index, arguments in enumerate(self._slices()):
            if self._blocker(arguments) is not None:
                continue
            with entered(self.context_of(index)) as current:
                current.check_interrupt()
                result = self.instance.check_lazy_status(**nested_inputs(self.node.python_class, arguments))
                if inspect.isawaitable(result):
                    result = await result
            if isinstance(result, list | tuple | set):
                names |= dict.fromkeys(name for name in result if isinstance(name, str))
        return list(names)

    async def results(self) -> list[Any]:
        """Calls the function once for each element.

        Returns:
            What each call returned; for an asynchronous function its task, which may be done already. Read each by
            `result_of`. Tasks of several elements run concurrently.
        """
        function = getattr(self.instance, self.node.python_class.FUNCTION)
        results: list[Any] = []
        for index, arguments in enumerate(self._slices()):
            blocker = self._blocker(arguments)
            if blocker is not None:
                results.append(self.on_blocked(blocker))
                continue
            with entered(self.context_of(index)) as current:
                current.check_interrupt()
                result = function(**nested_inputs(self.node.python_class, arguments))
                if inspect.isawaitable(result):
                    result = asyncio.create_task(_outcome(result), context=contextvars.copy_context())
            if isinstance(result, asyncio.Task):
                await asyncio.sleep(0)
            results.append(result)
        return results

    def _slices(self) -> list[dict[str, Any]]:
        return list(slices_of(self.values, as_lists=self.node.node_class.input_is_list))

    def _blocker(self, arguments: Mapping[str, Any]) -> ExecutionBlocker | None:
        as_list = self.node.node_class.input_is_list
        found = [each for value in arguments.values() for each in (value if as_list else [value])]
        return next((each for each in found if isinstance(each, ExecutionBlocker)), None)


def result_of(result: Any) -> Any:
    """What a call returned, given an element of `NodeCalls.results`. Raises what the call raised."""
    if isinstance(result, asyncio.Task):
        if result.cancelled():
            raise NodeReturnError("The node's asynchronous function was cancelled")
        result = result.result()
    if isinstance(result, _Raised):
        raise result.error
    return result


async def _outcome(awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - it is raised again where the node is resumed
        return _Raised(error)
