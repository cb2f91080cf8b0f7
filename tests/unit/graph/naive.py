"""A naive evaluator of graphs: recursion over lists of values, and nothing else. Tests compare the engine with it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.unit.graph.graphs import Graph

BLOCKED = object()
"""A value that blocks the calls which receive it."""


class NaiveEvaluator:
    """Evaluates the kinds of nodes that `test_properties` makes."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._values: dict[str, list[Any]] = {}
        self.evaluated: set[str] = set()

    def seen(self) -> dict[str, list[Any]]:
        """What each output receives in the calls that are not blocked; outputs without any are left out."""
        outputs = [node_id for node_id, (kind, _) in self._graph.items() if kind == "Look"]
        received = {node_id: [v for v in self._input(node_id, "v") if v is not BLOCKED] for node_id in outputs}
        self.evaluated |= set(outputs)
        return {node_id: values for node_id, values in received.items() if values}

    def _value(self, node_id: str) -> list[Any]:
        if node_id not in self._values:
            kind, inputs = self._graph[node_id]
            evaluate: Callable[[str, Mapping[str, Any]], list[Any]] = getattr(self, f"_{kind.lower()}")
            self._values[node_id] = evaluate(node_id, inputs)
            self.evaluated.add(node_id)
        return self._values[node_id]

    def _input(self, node_id: str, name: str) -> list[Any]:
        value = self._graph[node_id][1][name]
        return self._value(value[0]) if isinstance(value, list) else [value]

    def _each(self, function: Callable[..., Any], lists: Sequence[list[Any]]) -> list[Any]:
        size = max(map(len, lists))
        calls = [[values[min(index, len(values) - 1)] for values in lists] for index in range(size)]
        return [BLOCKED if any(v is BLOCKED for v in call) else function(*call) for call in calls]

    def _value_(self, node_id: str, function: Callable[..., Any]) -> list[Any]:
        return self._each(function, [self._input(node_id, name) for name in self._graph[node_id][1]])

    def _const(self, node_id: str, inputs: Mapping[str, Any]) -> list[Any]:
        return [inputs["v"]]

    def _list(self, node_id: str, inputs: Mapping[str, Any]) -> list[Any]:
        return list(inputs["v"]["__value__"])

    def _add(self, node_id: str, inputs: Mapping[str, Any]) -> list[Any]:
        return self._value_(node_id, lambda a, b: a + b)

    def _slow(self, node_id: str, inputs: Mapping[str, Any]) -> list[Any]:
        return self._value_(node_id, lambda v: v + 1)

    def _odd(self, node_id: str, inputs: Mapping[str, Any]) -> list[Any]:
        return self._value_(node_id, lambda v: v if v % 2 else BLOCKED)

    def _grow(self, node_id: str, inputs: Mapping[str, Any]) -> list[Any]:
        return self._value_(node_id, lambda v, depth: v + depth + 1)

    def _gather(self, node_id: str, inputs: Mapping[str, Any]) -> list[Any]:
        values = self._input(node_id, "v")
        return [BLOCKED if any(v is BLOCKED for v in values) else sum(values)]

    def _pick(self, node_id: str, inputs: Mapping[str, Any]) -> list[Any]:
        on = self._input(node_id, "on")
        asked = {"yes" if v % 2 else "no" for v in on if v is not BLOCKED}
        yes, no = (self._input(node_id, name) if name in asked else [None] for name in ("yes", "no"))
        return self._each(lambda on, yes, no: yes if on % 2 else no, [on, yes, no])
