"""Synchronous nodes: node classes in the form that packs call, from synchronous functions.

Nodes that call the mesh are asynchronous, so that several run concurrently. A pack that calls
`nodes.KSampler().sample(…)` expects the result; this module waits for it.
"""

import asyncio
import functools
import inspect
import threading
from collections import UserDict
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

Result = TypeVar("Result")


def wait_for(call: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Runs a coroutine to its end in a thread, in the context of the caller, and returns its result.

    The caller's own loop, if it has one, is blocked meanwhile, as by every synchronous node.

    Args:
        call: Makes the coroutine.

    Raises:
        BaseException: What the coroutine raises.
    """
    results: list[Result] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(call()))
        except BaseException as failure:  # noqa: BLE001 - it is raised again in the thread that waits
            failures.append(failure)

    thread = threading.Thread(target=copy_context().run, args=(run,), name="synchronous-node", daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


@functools.cache
def synchronous(node_class: type) -> type:
    """Returns the class itself, or for an asynchronous node a subclass whose function returns its result."""
    name = getattr(node_class, "FUNCTION", None)
    function = getattr(node_class, name, None) if isinstance(name, str) else None
    if not inspect.iscoroutinefunction(function):
        return node_class
    assert isinstance(name, str)

    def called(self: Any, *arguments: Any, **named: Any) -> Any:
        # V3 nodes are called on their class, which the function has already.
        return wait_for(
            lambda: function(*arguments, **named) if inspect.ismethod(function) else function(self, *arguments, **named)
        )

    attributes = {name: functools.wraps(function)(called), "__module__": node_class.__module__}
    return type(node_class)(node_class.__name__, (node_class,), attributes)


class SynchronousNodes(UserDict[str, type]):
    """Node classes by name, in the form that packs use; changes apply to the underlying dict.

    Args:
        classes: Node classes by name; the same object is used, not a copy.
    """

    def __init__(self, classes: dict[str, type]) -> None:
        super().__init__()
        self.data = classes

    def __getitem__(self, name: str) -> type:
        """Returns a class in synchronous form.

        Raises:
            KeyError: There is none of this name.
        """
        return synchronous(self.data[name])
