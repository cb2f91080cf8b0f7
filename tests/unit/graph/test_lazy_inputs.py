"""Lazy inputs: what is before them runs only when their node asks for it."""

from typing import Any

import pytest

from atelier_graph.blocker import ExecutionBlocker
from atelier_graph.caches import NoCache
from atelier_graph.graph_builder import GraphBuilder
from tests.unit.graph.graphs import ANY, Bench, Graph, node_class, run

LAZY = ("*", {"lazy": True})


def _switch(check: Any, **attributes: Any) -> type:
    """A node with a switch and two lazy inputs, that returns what the switch says."""
    return node_class(
        lambda on, yes=None, no=None: (yes if on else no,),
        required={"on": ("BOOLEAN", {})},
        optional={"yes": LAZY, "no": LAZY},
        check_lazy_status=staticmethod(check),
        **attributes,
    )


def _needs(on: bool, yes: Any = None, no: Any = None) -> list[str]:
    return [name for name, value in (("yes", yes), ("no", no)) if value is None and on == (name == "yes")]


def _graph(on: object) -> Graph:
    return {
        "look": ("Look", {"v": ["s", 0]}),
        "s": ("Switch", {"on": on, "yes": ["y", 0], "no": ["n", 0]}),
        "y": ("Value", {"v": "yes"}),
        "n": ("Value", {"v": "no"}),
        "on": ("List", {"v": {"__value__": [True, False]}}),
    }


async def test_only_the_requested_input_is_evaluated_and_the_node_is_called_again() -> None:
    ran = await run(_graph(True), {"Switch": _switch(_needs)})
    assert ran.seen == {"look": ["yes"]}
    assert ran.record.started == ["s", "y", "s", "look"]


async def test_without_check_lazy_status_a_lazy_input_stays_none() -> None:
    switch = node_class(lambda on, yes, no: ([on, yes, no],), required={"on": ANY, "yes": LAZY, "no": LAZY})
    assert (await run(_graph(True), {"Switch": switch})).seen == {"look": [[True, None, None]]}


async def test_a_list_requests_the_union_of_what_its_elements_need() -> None:
    ran = await run(_graph(["on", 0]), {"Switch": _switch(_needs)})
    assert ran.seen == {"look": ["yes", "no"]}
    assert sorted(ran.record.started) == ["look", "n", "on", "s", "s", "y"]


async def test_a_node_may_request_inputs_in_several_rounds() -> None:
    def check(on: object, yes: Any = None, no: Any = None) -> list[str]:
        return ["yes"] if yes is None else ["no"] if no is None else []

    ran = await run(_graph(True), {"Switch": _switch(check)})
    assert ran.record.started == ["s", "y", "s", "n", "s", "look"]


async def test_check_lazy_status_may_be_asynchronous() -> None:
    async def check(on: bool, yes: Any = None, no: Any = None) -> list[str]:
        return _needs(on, yes, no)

    assert (await run(_graph(False), {"Switch": _switch(check)})).seen == {"look": ["no"]}


async def test_a_node_that_wants_lists_sees_a_tuple_of_none_for_what_is_not_evaluated() -> None:
    seen = []

    def check(on: list[bool], yes: Any, no: Any) -> list[str]:
        seen.append((yes, no))
        return ["yes"] if yes == (None,) else []

    switch = node_class(
        lambda on, yes, no: (yes,),
        required={"on": ("BOOLEAN", {}), "yes": LAZY, "no": LAZY},
        INPUT_IS_LIST=True,
        check_lazy_status=staticmethod(check),
    )
    assert (await run(_graph(True), {"Switch": switch})).seen == {"look": [["yes"]]}
    assert seen == [((None,), (None,)), (["yes"], (None,))]


@pytest.mark.parametrize("inputs", [{"on": True}, {"on": True, "undeclared": 5}])
async def test_asking_for_an_input_that_is_absent_or_an_undeclared_constant_fails(inputs: dict[str, Any]) -> None:
    switch = _switch(lambda **_: ["yes", "undeclared"])
    error = (await run({"look": ("Look", {"v": ["s", 0]}), "s": ("Switch", inputs)}, {"Switch": switch})).result.error
    assert error is not None
    assert (error.node_id, error.exception_type) == ("s", "NodeInputError")


async def test_requesting_an_available_input_has_no_effect() -> None:
    switch = _switch(lambda **_: ["on", "yes"])
    graph: Graph = {"look": ("Look", {"v": ["s", 0]}), "s": ("Switch", {"on": True, "yes": 5})}
    assert (await run(graph, {"Switch": switch})).seen == {"look": [5]}


async def test_a_requested_input_without_a_value_is_not_requested_again() -> None:
    less = node_class(dict, returns=("*",))
    graph: Graph = {
        "look": ("Look", {"v": ["s", 0]}),
        "s": ("Switch", {"on": True, "yes": ["l", 0]}),
        "l": ("Less", {}),
    }
    assert (await run(graph, {"Switch": _switch(_needs), "Less": less})).seen == {"look": [None]}


async def test_a_blocked_element_requests_nothing() -> None:
    blocks = node_class(lambda: (ExecutionBlocker(None),))
    graph = {**_graph(["b", 0]), "b": ("Blocks", {})}
    ran = await run(graph, {"Switch": _switch(_needs), "Blocks": blocks})
    assert ran.result.status == "success"
    assert "y" not in ran.record.started


async def test_what_a_lazy_input_needs_is_not_called_twice_without_a_cache() -> None:
    graph: Graph = {**_graph(True), "first": ("Look", {"v": ["y", 0]})}
    ran = await Bench({"Switch": _switch(_needs)}, cache=NoCache()).run(graph)
    assert ran.seen == {"first": ["yes"], "look": ["yes"]}
    assert ran.record.started.count("y") == 1


async def test_a_cycle_over_lazy_inputs_is_a_failure_and_no_endless_loop() -> None:
    graph: Graph = {"look": ("Look", {"v": ["s", 0]}), "s": ("Switch", {"on": True, "yes": ["s", 0]})}
    ran = await Bench({"Switch": _switch(_needs)}, validates=False).run(graph, outputs=["look"])
    assert ran.result.error is not None
    assert (ran.result.error.node_id, ran.result.error.exception_type) == ("s", "DependencyCycleError")


async def test_a_node_that_is_requested_late_runs_again_without_a_cache_and_may_expand_again() -> None:
    def expands(v: int) -> dict[str, Any]:
        graph = GraphBuilder()
        return {"result": (graph.node("Inc", v=v, d=0.0).out(0),), "expand": graph.finalize()}

    classes = {"Switch": _switch(_needs), "Expands": node_class(expands, required={"v": ANY})}
    graph: Graph = {
        "e": ("Expands", {"v": 1}),
        "soon": ("Look", {"v": ["e", 0]}),
        "on1": ("Value", {"v": True}),
        "on2": ("Value", {"v": ["on1", 0]}),
        "s": ("Switch", {"on": ["on2", 0], "yes": ["w", 0], "no": ["w", 0]}),
        "w": ("Value", {"v": ["e", 0]}),
        "late": ("Look", {"v": ["s", 0]}),
    }
    ran = await Bench(classes, cache=NoCache()).run(graph)
    assert ran.seen == {"soon": [2], "late": [2]}
    assert ran.record.started.count("e") == 2
