"""Cache keys: what a node's result depends on, as one hash for each node."""

import hashlib
import inspect
import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from atelier_graph.blocker import ExecutionBlocker
from atelier_graph.cache_entry import CacheKey
from atelier_graph.custom_validation import nested_inputs
from atelier_graph.dependencies import post_order
from atelier_graph.hidden_inputs import hidden_values
from atelier_graph.list_mapping import slices_of
from atelier_graph.run_node import RunNode

_MAX_DEPTH = 200


class CacheKeys:
    """The keys of the nodes of one execution.

    A node's key is a hash of its class, the result of its IS_CHANGED, its inputs, and for links the keys of the nodes
    that they lead to; so all of its ancestors are in it, while each node is hashed once. Ids are in it only where the
    class is not idempotent or declares the hidden input UNIQUE_ID. A value that cannot be compared (NaN, an object)
    makes a key that equals no other.
    """

    def __init__(self, node: Callable[[str], RunNode | None]) -> None:
        """Keys of the nodes that `node` returns; it returns None where there is no such node, or no class of it."""
        self._node = node
        self._keys: dict[str, CacheKey] = {}

    def of(self, node_id: str) -> CacheKey:
        """The key of a node that was added."""
        return self._keys[node_id]

    def forget(self, node_ids: Iterable[str]) -> None:
        """Discards the keys of nodes that an expansion has replaced."""
        for node_id in node_ids:
            self._keys.pop(node_id, None)

    async def add(self, node_ids: Iterable[str], *, scope: str = "") -> None:
        """Makes the keys of nodes and of all that they link to. Calls their IS_CHANGED.

        Args:
            node_ids: The nodes.
            scope: The scope of the keys; "" for nodes of the prompt.
        """
        cyclic: set[str] = set()
        for node_id in post_order(node_ids, self._upstream, lambda path, _: cyclic.add(path[-1])):
            if node_id not in self._keys:
                node = None if node_id in cyclic else self._node(node_id)
                digest = _never_equal() if node is None else await self._digest(node)
                self._keys[node_id] = CacheKey(digest, scope)

    def _upstream(self, node_id: str) -> Collection[str]:
        node = None if node_id in self._keys else self._node(node_id)
        return () if node is None else node.upstream

    async def _digest(self, node: RunNode) -> bytes:
        names_itself = node.node_class.not_idempotent or any(
            each.type == "UNIQUE_ID" for each in node.node_class.hidden
        )
        parts: list[str] = []
        try:
            _write(parts, [node.class_type, node.id if names_itself else None, await _is_changed(node)], 0)
            for name, value in sorted([*node.constants.items(), *node.dropped.items()]):
                _write(parts, [name, value], 0)
        except _Incomparable:
            return _never_equal()
        for name, link in sorted(node.links.items()):
            _write(parts, [name, self._keys[link.node_id].digest, link.slot], 0)
        for link in node.raw_links:
            _write(parts, [self._keys[link.node_id].digest, link.slot], 0)
        return hashlib.blake2b("".join(parts).encode("utf-8", "surrogatepass"), digest_size=20).digest()


class _Incomparable(Exception):  # noqa: N818 - a property of a value, not a failure
    """A value that equals no other: NaN, an object, or nested without end."""


def _never_equal() -> bytes:
    return os.urandom(20)


async def _is_changed(node: RunNode) -> list[Any] | None:
    """The results of IS_CHANGED, one for each call; None if the class has no IS_CHANGED.

    Linked inputs are passed as None: no node has run yet.

    Raises:
        _Incomparable: IS_CHANGED raised an exception.
    """
    function = getattr(node.python_class, "IS_CHANGED", None)
    if function is None:
        return None
    nothing: Any = (None,)
    hidden = hidden_values(node.node_class, node.id, None, None, {})
    inputs = {**{name: [value] for name, value in node.constants.items()}, **dict.fromkeys(node.links, nothing)}
    inputs |= {name: [value] for name, value in hidden.items()}
    results = []
    try:
        for values in slices_of(inputs, as_lists=node.node_class.input_is_list):
            result = function(**nested_inputs(node.python_class, values))
            results.append(await result if inspect.isawaitable(result) else result)
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # the node is called every time
        raise _Incomparable from error
    return [None if isinstance(result, ExecutionBlocker) else result for result in results]


def _write(parts: list[str], value: Any, depth: int) -> None:
    """Writes a value such that two values have the same text only when they are of one type and equal."""
    if depth > _MAX_DEPTH:
        raise _Incomparable
    if value is None or isinstance(value, bool):
        parts.append(f"{value};")
    elif isinstance(value, str):
        parts.append(f"s{len(value)}:{value!s}")
    elif isinstance(value, int):
        parts.append(f"i{int(value):x};")
    elif isinstance(value, float):
        if math.isnan(value):
            raise _Incomparable
        parts.append(f"f{float(value)!r};")
    elif isinstance(value, bytes):
        parts.append(f"b{value.hex()};")
    elif isinstance(value, list | tuple):
        parts.append(f"l{len(value)}:")
        for item in value:
            _write(parts, item, depth + 1)
    elif isinstance(value, Mapping):
        entries = []
        for key, item in value.items():
            entry: list[str] = []
            _write(entry, [key, item], depth + 1)
            entries.append("".join(entry))
        parts += [f"m{len(entries)}:", *sorted(entries)]
    else:
        raise _Incomparable
