"""Random graphs: the engine returns what a naive evaluator returns, with every cache, and calls what is needed once."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atelier_graph.blocker import ExecutionBlocker
from atelier_graph.cache_entry import NodeCache
from atelier_graph.caches import ClassicCache, LruCache, NoCache, RamPressureCache
from atelier_graph.events import NodeFinished, NodeStarted
from atelier_graph.graph_builder import GraphBuilder
from tests.unit.graph.graphs import ANY, VALUE, Bench, Graph, Ran, node_class
from tests.unit.graph.naive import NaiveEvaluator

LAZY = ("*", {"lazy": True})


async def _slow(v: int) -> tuple[int]:
    for _ in range(v % 4):
        await asyncio.sleep(0)
    return (v + 1,)


def _grow(v: int, depth: int) -> Any:
    if depth == 0:
        return (v + 1,)
    graph = GraphBuilder()
    inner = graph.node("Grow", v=graph.node("Slow", v=v).out(0), depth=depth - 1)
    return {"result": (inner.out(0),), "expand": graph.finalize()}


def _asked(on: int, yes: Any, no: Any) -> list[str]:
    return ["yes" if on % 2 else "no"]


CLASSES = {
    "Const": VALUE,
    "Add": node_class(lambda a, b: (a + b,), required={"a": ANY, "b": ANY}),
    "Slow": node_class(_slow, required={"v": ANY}),
    "Odd": node_class(lambda v: (v if v % 2 else ExecutionBlocker(None),), required={"v": ANY}),
    "Grow": node_class(_grow, required={"v": ANY, "depth": ("INT", {})}),
    "Gather": node_class(lambda v: (sum(v),), required={"v": ANY}, INPUT_IS_LIST=True),
    "Pick": node_class(
        lambda on, yes, no: (yes if on % 2 else no,),
        required={"on": ANY, "yes": LAZY, "no": LAZY},
        check_lazy_status=staticmethod(_asked),
    ),
}
CACHES: dict[str, Callable[[], NodeCache]] = {
    "classic": ClassicCache,
    "none": NoCache,
    "lru": lambda: LruCache(5),
    "ram": lambda: RamPressureCache(lambda: 0, lambda _: 1.0, headroom=1),
}


def _is_plain(graph: Graph, name: str) -> bool:
    """True for a node that returns one value, and no blocker."""
    kind, inputs = graph[name]
    upstream = [value[0] for value in inputs.values() if isinstance(value, list)]
    return kind not in ("List", "Odd") and all(_is_plain(graph, other) for other in upstream)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Graphs without cycles, whose nodes link to any of those before them, with one to four outputs.

    Lazy inputs link to single values that block nothing. Otherwise the number of calls of their node would depend on
    whether another node has evaluated them meanwhile.
    """
    graph: dict[str, Any] = {"0": ("Const", {"v": draw(st.integers(0, 9))})}
    for number in range(1, draw(st.integers(2, 14))):
        link = st.integers(0, number - 1).map(lambda other: [str(other), 0])
        plain = st.sampled_from([name for name in graph if _is_plain(graph, name)]).map(lambda name: [name, 0])
        either = st.one_of(st.integers(0, 9), link)
        literals = st.lists(st.integers(0, 9), min_size=1, max_size=3).map(lambda values: {"__value__": values})
        nodes = st.one_of(
            st.tuples(st.just("Const"), st.fixed_dictionaries({"v": st.integers(0, 9)})),
            st.tuples(st.just("List"), st.fixed_dictionaries({"v": literals})),
            st.tuples(st.just("Add"), st.fixed_dictionaries({"a": either, "b": link})),
            st.tuples(st.just("Slow"), st.fixed_dictionaries({"v": link})),
            st.tuples(st.just("Odd"), st.fixed_dictionaries({"v": link})),
            st.tuples(st.just("Grow"), st.fixed_dictionaries({"v": link, "depth": st.integers(0, 2)})),
            st.tuples(st.just("Gather"), st.fixed_dictionaries({"v": link})),
            st.tuples(st.just("Pick"), st.fixed_dictionaries({"on": either, "yes": plain, "no": plain})),
        )
        graph[str(number)] = draw(nodes)
    last = len(graph) - 1
    for number in range(draw(st.integers(1, 4))):
        graph[f"look{number}"] = ("Look", {"v": [str(draw(st.integers(0, last))), 0]})
    names = draw(st.permutations(list(graph)))
    return {name: graph[name] for name in names}


@pytest.mark.parametrize("cache", CACHES)
@settings(max_examples=50, deadline=None)
@given(sequence=st.lists(graphs(), min_size=1, max_size=3), repeated=st.booleans())
async def test_results_are_those_of_a_naive_evaluator(cache: str, sequence: list[Graph], *, repeated: bool) -> None:
    bench = Bench(CLASSES, cache=CACHES[cache]())
    for graph in sequence * (2 if repeated else 1):
        naive = NaiveEvaluator(graph)
        expected = naive.seen()
        ran = await bench.run(graph)
        assert ran.result.error is None
        assert {node_id: sorted(values) for node_id, values in ran.seen.items()} == {
            node_id: sorted(values) for node_id, values in expected.items()
        }
        assert ran.seen == expected
        _needed_only(ran, naive, once=cache in ("classic", "lru"))
        _in_order(ran, graph)


def _needed_only(ran: Ran, naive: NaiveEvaluator, *, once: bool) -> None:
    """Nothing is called that no output needs; with a cache that drops nothing of this execution, nothing twice."""
    of_the_prompt = {event.real for event in ran.record.of(NodeStarted)}
    assert of_the_prompt <= naive.evaluated
    if once:
        assert max(Counter(event.node for event in ran.record.of(NodeFinished)).values()) == 1


def _in_order(ran: Ran, graph: Graph) -> None:
    """A node finishes first after those that it links to, if these are called at all in this execution."""
    finished: dict[str, int] = {}
    for place, event in enumerate(ran.record.of(NodeFinished)):
        finished.setdefault(event.node, place)
    for node_id, (_, inputs) in graph.items():
        for value in inputs.values():
            if isinstance(value, list) and node_id in finished and value[0] in finished and inputs.get("on") is None:
                assert finished[value[0]] < finished[node_id]


@settings(max_examples=30, deadline=None)
@given(graph=graphs())
async def test_the_second_execution_of_a_graph_calls_nothing(graph: Graph) -> None:
    bench = Bench(CLASSES)
    first = await bench.run(graph)
    again = await bench.run(graph)
    assert again.record.started == []
    assert again.seen == first.seen
