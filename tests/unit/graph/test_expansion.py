"""Expansion: nodes that return graphs, whose outputs become theirs."""

from typing import Any

import pytest

from atelier_graph.blocker import ExecutionBlocker
from atelier_graph.dynamic_prompt import DynamicPrompt
from atelier_graph.events import NodeExecuted, NodeStarted
from atelier_graph.graph_builder import GraphBuilder
from atelier_graph.limits import GraphLimits
from atelier_graph.link import is_link
from tests.unit.graph.graphs import ANY, Bench, Graph, node_class, run


def _expanding(build: Any, **inputs: Any) -> type:
    """A node that expands into what `build` makes with a builder, of which it returns the result."""

    def call(**values: Any) -> dict[str, Any]:
        graph = GraphBuilder()
        result = build(graph, **values)
        return {"result": result, "expand": graph.finalize()}

    return node_class(call, required=inputs or {"v": ANY})


def _twice(graph: GraphBuilder, v: int) -> tuple[Any]:
    first = graph.node("Inc", v=v, d=0.0)
    return (graph.node("Inc", v=first.out(0), d=0.0).out(0),)


TWICE: Graph = {"e": ("Expands", {"v": 1}), "look": ("Look", {"v": ["e", 0]})}


async def test_the_outputs_of_an_expansion_become_those_of_its_node() -> None:
    ran = await run(TWICE, {"Expands": _expanding(_twice)})
    assert ran.seen == {"look": [3]}
    assert ran.record.started == ["e", "e.0.0.1", "e.0.0.2", "look"]


async def test_nodes_of_an_expansion_are_shown_at_the_node_that_expands_by_default() -> None:
    def build(graph: GraphBuilder, v: int) -> tuple[Any]:
        graph.node("Look", v=v, id="own")
        graph.node("Look", v=v + 1, id="other").set_override_display_id("look")
        return (v,)

    ran = await run(TWICE, {"Expands": _expanding(build)})
    shown = {event.node: event for event in ran.record.of(NodeStarted)}
    assert shown["e.0.0.own"] == NodeStarted("e.0.0.own", "e", "e", "e")
    assert shown["e.0.0.other"] == NodeStarted("e.0.0.other", "look", "e", "e")
    assert ran.result.meta["e.0.0.other"] == {
        "node_id": "e.0.0.other",
        "display_node": "look",
        "parent_node": "e",
        "real_node_id": "e",
    }


async def test_output_nodes_of_an_expansion_run_though_nothing_needs_them() -> None:
    def build(graph: GraphBuilder, v: int) -> tuple[Any]:
        graph.node("Look", v=graph.node("Inc", v=v, d=0.0).out(0))
        graph.node("Value", v="not needed")
        return (v,)

    ran = await run(TWICE, {"Expands": _expanding(build)})
    assert ran.seen == {"e.0.0.2": [2], "look": [1]}
    assert "e.0.0.3" not in ran.record.started


async def test_expansions_nest_and_their_nodes_come_from_the_node_of_the_prompt() -> None:
    def nested(graph: GraphBuilder, v: int) -> tuple[Any]:
        return (graph.node("Value", v=v).out(0),) if v == 0 else (graph.node("Expands", v=v - 1).out(0),)

    ran = await run({"e": ("Expands", {"v": 3}), "look": ("Look", {"v": ["e", 0]})}, {"Expands": _expanding(nested)})
    assert ran.seen == {"look": [0]}
    last = ran.record.of(NodeStarted)[-2]
    assert (last.node, last.display_node, last.real) == ("e.0.0.1.0.0.1.0.0.1.0.0.1", "e", "e")


async def test_elements_may_return_values_and_expansions_in_one_list() -> None:
    def call(v: int) -> Any:
        graph = GraphBuilder()
        link = graph.node("Inc", v=v, d=0.0).out(0)
        if v == 1:
            return (v,)
        if v == 2:
            return {"result": (link,), "expand": graph.finalize()}
        if v == 3:
            return {"result": ExecutionBlocker(None)}
        return {"ui": {"x": [v]}, "result": (["not a", "link"],)}

    graph: Graph = {
        "l": ("List", {"v": {"__value__": [1, 2, 3, 4]}}),
        "m": ("Mixed", {"v": ["l", 0]}),
        "look": ("Look", {"v": ["m", 0]}),
    }
    ran = await run(graph, {"Mixed": node_class(call, required={"v": ANY})})
    assert ran.seen == {"look": [1, 3, ["not a", "link"]]}
    assert ran.result.outputs["m"] == {"x": [4]}


async def test_several_elements_expand_with_ids_of_their_own() -> None:
    graph: Graph = {
        "l": ("List", {"v": {"__value__": [10, 20]}}),
        "e": ("Expands", {"v": ["l", 0]}),
        "look": ("Look", {"v": ["e", 0]}),
    }
    ran = await run(graph, {"Expands": _expanding(_twice)})
    assert ran.seen == {"look": [12, 22]}
    assert {"e.0.0.1", "e.1.0.1"} <= set(ran.record.started)


async def test_a_link_contributes_all_values_of_the_output_that_it_leads_to() -> None:
    def build(graph: GraphBuilder, v: int) -> tuple[Any, Any]:
        return (graph.node("List", v=[v, v + 1]).out(0), "after")

    expands = _expanding(build)
    expands.RETURN_TYPES = ("*", "*")  # type: ignore[attr-defined]
    ran = await run({**TWICE, "second": ("Look", {"v": ["e", 1]})}, {"Expands": expands})
    assert ran.seen == {"look": [1, 2], "second": ["after"]}


async def test_an_expansion_may_use_python_objects_and_other_nodes_of_the_prompt() -> None:
    thing = object()

    def build(graph: GraphBuilder, v: int) -> tuple[Any]:
        pair = graph.node("Pair", a=thing, b=["outside", 0])
        return (pair.out(0),)

    pair = node_class(lambda a, b: ((a is thing, b),), required={"a": ANY, "b": ANY})
    graph: Graph = {**TWICE, "outside": ("Value", {"v": "out"})}
    ran = await run(graph, {"Expands": _expanding(build), "Pair": pair})
    assert ran.seen == {"look": [[True, "out"]]}


async def test_a_loop_is_an_expansion_that_ends_in_itself() -> None:
    def build(graph: GraphBuilder, v: int, left: int) -> tuple[Any]:
        if left == 0:
            return (v,)
        step = graph.node("Inc", v=v, d=0.0)
        return (graph.node("Loop", v=step.out(0), left=left - 1).out(0),)

    loop = _expanding(build, v=ANY, left=("INT", {}))
    graph: Graph = {"loop": ("Loop", {"v": 0, "left": 300}), "look": ("Look", {"v": ["loop", 0]})}
    assert (await run(graph, {"Loop": loop})).seen == {"look": [300]}


@pytest.mark.parametrize(
    ("limits", "width"), [(GraphLimits(expansion_depth=20), 1), (GraphLimits(expanded_nodes=100), 30)]
)
async def test_an_expansion_without_end_fails_with_the_node_of_the_prompt(limits: GraphLimits, width: int) -> None:
    def build(graph: GraphBuilder, v: int) -> tuple[Any]:
        nodes = [graph.node("Expands", v=v + number) for number in range(width)]
        return (nodes[0].out(0),)

    bench = Bench({"Expands": _expanding(build)}, limits=limits)
    error = (await bench.run(TWICE)).result.error
    assert error is not None
    assert (error.node_id, error.exception_type) == ("e", "GraphLimitError")


async def test_an_expansion_gives_literals_to_inputs_that_are_declared_as_hidden() -> None:
    def call(v: int, count: int | None = None) -> dict[str, Any] | tuple[int]:
        left = v if count is None else count
        if left == 0:
            return (7,)
        graph = GraphBuilder()
        again = graph.node("Expands", v=v, count=left - 1)
        return {"result": (again.out(0),), "expand": graph.finalize()}

    ran = await run(TWICE, {"Expands": node_class(call, required={"v": ANY}, hidden={"count": ANY})})
    assert (ran.seen, len(ran.record.started)) == ({"look": [7]}, 3)


async def test_a_cycle_made_by_an_expansion_is_blamed_on_the_node_where_it_is_shown() -> None:
    def build(graph: GraphBuilder, v: int) -> tuple[Any]:
        first = graph.node("Value", id="a")
        first.set_input("v", graph.node("Value", id="b", v=first.out(0)).out(0))
        return (first.out(0),)

    error = (await run(TWICE, {"Expands": _expanding(build)})).result.error
    assert error is not None
    assert (error.node_id, error.node_type, error.exception_type) == ("e", "Expands", "DependencyCycleError")


async def test_an_expansion_that_links_to_its_own_node_is_a_cycle() -> None:
    error = (await run(TWICE, {"Expands": _expanding(lambda graph, v: (["e", 0],))})).result.error
    assert error is not None
    assert (error.node_id, error.exception_type) == ("e", "DependencyCycleError")


async def test_a_display_id_outside_of_the_prompt_does_not_stop_the_next_execution() -> None:
    def build(graph: GraphBuilder, v: int) -> tuple[Any]:
        first = graph.node("Value", id="a")
        first.set_override_display_id("nowhere")
        first.set_input("v", first.out(0))
        return (first.out(0),)

    bench = Bench({"Expands": _expanding(build)})
    for _ in range(2):
        error = (await bench.run(TWICE)).result.error
        assert error is not None
        assert error.node_id == "e"


async def test_a_failure_inside_an_expansion_is_that_of_the_node_of_the_prompt() -> None:
    fails = node_class(lambda v: 1 / 0, required={"v": ANY})
    expands = _expanding(lambda graph, v: (graph.node("Fails", v=v).out(0),))
    error = (await run(TWICE, {"Expands": expands, "Fails": fails})).result.error
    assert error is not None
    assert (error.node_id, error.node_type, error.exception_type) == ("e", "Expands", "ZeroDivisionError")


async def test_ui_of_a_node_that_expands_is_published_and_stored() -> None:
    def call(v: int) -> dict[str, Any]:
        graph = GraphBuilder()
        return {"ui": {"x": [v]}, "result": _twice(graph, v), "expand": graph.finalize()}

    bench = Bench({"Expands": node_class(call, required={"v": ANY}, output=True)})
    assert (await bench.run(TWICE)).result.outputs == {"e": {"x": [1]}, "look": {"seen": [3]}}
    again = await bench.run(TWICE)
    assert again.record.started == []
    assert [event.node for event in again.record.of(NodeExecuted)] == ["e", "look"]


async def test_nodes_of_an_expansion_are_in_the_cache_when_their_node_runs_again() -> None:
    calls = []

    def inner(v: object) -> tuple[object]:
        calls.append(v)
        return (v,)

    expands = node_class(
        lambda v: _expansion("Inner", v),
        required={"v": ANY},
        IS_CHANGED=classmethod(lambda cls, v: float("nan")),
    )
    bench = Bench({"Expands": expands, "Inner": node_class(inner, required={"v": ANY})})
    for _ in range(2):
        assert (await bench.run(TWICE)).seen == {"look": [1]}
    assert calls == [1]
    assert (await bench.run({"e": ("Expands", {"v": 2}), "look": ("Look", {"v": ["e", 0]})})).seen == {"look": [2]}
    assert calls == [1, 2]


def _expansion(class_type: str, v: object) -> dict[str, Any]:
    graph = GraphBuilder()
    return {"result": (graph.node(class_type, v=v).out(0),), "expand": graph.finalize()}


async def test_lazy_inputs_inside_an_expansion_are_requested() -> None:
    lazy = node_class(
        lambda v, w=None: (w,),
        required={"v": ANY, "w": ("*", {"lazy": True})},
        check_lazy_status=staticmethod(lambda v, w: ["w"] if w is None else []),
    )
    expands = _expanding(lambda graph, v: (graph.node("Lazy", v=v, w=graph.node("Value", v="late").out(0)).out(0),))
    assert (await run(TWICE, {"Expands": expands, "Lazy": lazy})).seen == {"look": ["late"]}


RAW: dict[str, Any] = {"flow": ("FLOW", {"rawLink": True})}


class LoopEnd:
    """Repeats the nodes between it and the beginning of its loop, as loops of packs do: by an expansion that holds
    copies of them, the last of which is this node itself."""

    RETURN_TYPES = ("*", "*")
    FUNCTION = "end"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        hidden = {"dynprompt": "DYNPROMPT", "unique_id": "UNIQUE_ID"}
        return {"required": {**RAW, "left": ("INT", {}), "value": ANY, "seen": ANY}, "hidden": hidden}

    def end(self, flow: list[Any], left: int, value: Any, seen: Any, dynprompt: DynamicPrompt, unique_id: str) -> Any:
        if left <= 0:
            return (value, seen)
        begin = flow[0]
        inside = self._inside(begin, unique_id, dynprompt)
        graph = GraphBuilder()
        for node_id in inside:
            copy = graph.node(dynprompt.class_of(node_id), "again" if node_id == unique_id else node_id)
            copy.set_override_display_id(node_id)
        for node_id in inside:
            copy = self._copy(graph, node_id, unique_id)
            for name, given in dynprompt.get_node(node_id)["inputs"].items():
                linked = self._copy(graph, given[0], unique_id) if is_link(given) else None
                copy.set_input(name, given if linked is None else linked.out(given[1]))
        first = self._copy(graph, begin, unique_id)
        for name, given in (("left", left), ("value", value), ("seen", seen)):
            first.set_input(name, given)
        again = self._copy(graph, unique_id, unique_id)
        return {"result": (again.out(0), again.out(1)), "expand": graph.finalize()}

    @staticmethod
    def _copy(graph: GraphBuilder, node_id: str, own_id: str) -> Any:
        return graph.lookup_node("again" if node_id == own_id else node_id)

    @staticmethod
    def _inside(begin: str, end: str, dynprompt: DynamicPrompt) -> list[str]:
        found, stack = {begin: None, end: None}, [end]
        while stack:
            for given in dynprompt.get_node(stack.pop())["inputs"].values():
                if is_link(given) and given[0] not in found and _leads_to(given[0], begin, dynprompt):
                    found[given[0]] = None
                    stack.append(given[0])
        return list(found)


def _leads_to(node_id: str, target: str, dynprompt: DynamicPrompt) -> bool:
    links = [given[0] for given in dynprompt.get_node(node_id)["inputs"].values() if is_link(given)]
    return target in links or any(_leads_to(each, target, dynprompt) for each in links)


async def test_a_loop_copies_the_nodes_inside_it_and_leaves_those_outside() -> None:
    begin = node_class(
        lambda left, value, seen: ("flow", left - 1, value, seen),
        required={"left": ("INT", {}), "value": ANY, "seen": ANY},
        returns=("FLOW", "INT", "*", "*"),
    )
    outside_calls = []

    def call_outside(v: int) -> tuple[int]:
        outside_calls.append(v)
        return (v,)

    adds = node_class(lambda a, b: (a + b,), required={"a": ANY, "b": ANY})
    classes = {"Begin": begin, "End": LoopEnd, "Outside": node_class(call_outside, required={"v": ANY}), "Adds": adds}
    graph: Graph = {
        "begin": ("Begin", {"left": 4, "value": 0, "seen": {"__value__": ["start", 0]}}),
        "outside": ("Outside", {"v": 10}),
        "adds": ("Adds", {"a": ["begin", 2], "b": ["outside", 0]}),
        "notes": ("Adds", {"a": ["begin", 3], "b": {"__value__": ["x", 7]}}),
        "end": ("End", {"flow": ["begin", 0], "left": ["begin", 1], "value": ["adds", 0], "seen": ["notes", 0]}),
        "total": ("Look", {"v": ["end", 0]}),
        "noted": ("Look", {"v": ["end", 1]}),
    }
    ran = await run(graph, classes)
    assert ran.seen == {"total": [40], "noted": [["start", 0] + ["x", 7] * 4]}
    assert outside_calls == [10]
    copies = [event for event in ran.record.of(NodeStarted) if event.display_node == "adds"]
    assert len(copies) == 4
    assert {event.real for event in copies} == {"adds", "end"}


async def test_a_result_that_links_to_an_output_which_is_not_there_fails_the_node_that_expands() -> None:
    def build(graph: GraphBuilder, v: int) -> tuple[Any]:
        return (graph.node("Inc", v=v, d=0.0).out(7),)

    ran = await run(TWICE, {"Expands": _expanding(build)})
    assert ran.result.error is not None
    assert (ran.result.error.node_id, ran.result.error.exception_type) == ("e", "NodeReturnError")
    assert "output 7" in ran.result.error.exception_message
