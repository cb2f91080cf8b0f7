"""Asynchronous nodes: they run at the same time, while synchronous ones go on."""

import asyncio
from typing import Any

import pytest

from atelier_graph.context import current_node
from atelier_graph.events import NodeFinished, NodeStarted, RunInterrupted
from atelier_graph.graph_builder import GraphBuilder
from atelier_graph.limits import GraphLimits
from tests.unit.graph.graphs import ANY, Bench, Graph, node_class, run


class Meeting:
    """Calls that return when a number of them have begun: they would wait for ever if they ran one after the other."""

    def __init__(self, size: int) -> None:
        self._missing = size
        self._complete = asyncio.Event()

    async def __call__(self, v: object) -> tuple[object]:
        self._missing -= 1
        if self._missing == 0:
            self._complete.set()
        async with asyncio.timeout(10):
            await self._complete.wait()
        return (v,)


def _meets(size: int) -> type:
    meeting = Meeting(size)

    async def call(v: object) -> tuple[object]:
        return await meeting(v)

    return node_class(call, required={"v": ANY})


async def test_several_nodes_run_at_the_same_time() -> None:
    graph: Graph = {f"m{n}": ("Meets", {"v": n}) for n in range(3)} | {
        f"l{n}": ("Look", {"v": [f"m{n}", 0]}) for n in range(3)
    }
    ran = await run(graph, {"Meets": _meets(3)})
    assert ran.seen == {"l0": [0], "l1": [1], "l2": [2]}
    assert sorted(ran.record.started) == ["l0", "l1", "l2", "m0", "m1", "m2"]


async def test_the_elements_of_a_list_run_at_the_same_time_and_stay_in_order() -> None:
    graph: Graph = {
        "l": ("List", {"v": {"__value__": [1, 2, 3]}}),
        "m": ("Meets", {"v": ["l", 0]}),
        "look": ("Look", {"v": ["m", 0]}),
    }
    assert (await run(graph, {"Meets": _meets(3)})).seen == {"look": [1, 2, 3]}


async def test_synchronous_nodes_run_while_an_asynchronous_one_waits() -> None:
    done = asyncio.Event()

    async def waits() -> tuple[str]:
        async with asyncio.timeout(10):
            await done.wait()
        return ("late",)

    def ends(v: object) -> tuple[object]:
        done.set()
        return (v,)

    graph: Graph = {
        "a": ("Waits", {}),
        "one": ("Look", {"v": ["a", 0]}),
        "s1": ("Value", {"v": "soon"}),
        "s2": ("Ends", {"v": ["s1", 0]}),
        "two": ("Look", {"v": ["s2", 0]}),
    }
    ran = await run(graph, {"Waits": node_class(waits), "Ends": node_class(ends, required={"v": ANY})})
    assert ran.seen == {"one": ["late"], "two": ["soon"]}
    assert ran.record.started[0] == "a"
    finished = [event.node for event in ran.record.of(NodeFinished)]
    assert finished.index("s2") < finished.index("a")


async def test_a_node_that_is_done_after_one_turn_is_not_parked() -> None:
    async def at_once() -> tuple[int]:
        return (1,)

    graph: Graph = {"a": ("AtOnce", {}), "look": ("Look", {"v": ["a", 0]})}
    events = (await run(graph, {"AtOnce": node_class(at_once)})).record.events
    started = events.index(NodeStarted("a", "a", None, "a"))
    assert events[started + 1] == NodeFinished("a", "a", None, "a")


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError()])
@pytest.mark.parametrize("turns", [0, 3])
async def test_what_an_asynchronous_node_raises_is_its_failure(error: BaseException, turns: int) -> None:
    async def fails() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        raise error

    bench = Bench({"Fails": node_class(fails)})
    for _ in range(2):
        result = (await bench.run({"f": ("Fails", {}), "look": ("Look", {"v": ["f", 0]})})).result
        assert result.error is not None
        assert (result.status, result.error.node_id) == ("error", "f")


async def test_a_failure_cancels_the_calls_that_are_waiting() -> None:
    cancelled = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    fails = node_class(lambda v: 1 / 0, required={"v": ("*", {})})
    graph: Graph = {
        "w": ("Waits", {}),
        "f": ("Fails", {"v": 1}),
        "one": ("Look", {"v": ["w", 0]}),
        "two": ("Look", {"v": ["f", 0]}),
    }
    ran = await run(graph, {"Waits": node_class(waits), "Fails": fails})
    assert (ran.result.status, cancelled) == ("error", [True])


async def test_an_interrupt_ends_a_wait() -> None:
    bench: Bench
    waiting = asyncio.Event()

    async def waits() -> None:
        waiting.set()
        await asyncio.Event().wait()

    bench = Bench({"Waits": node_class(waits)})

    async def interrupts() -> None:
        await waiting.wait()
        await asyncio.to_thread(bench.runner.interrupt)

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(interrupts())
        ran = await bench.run({"w": ("Waits", {}), "look": ("Look", {"v": ["w", 0]})})
    assert ran.record.of(RunInterrupted) == [RunInterrupted("w", "Waits", [])]


async def test_the_time_limit_ends_a_wait() -> None:
    async def waits() -> None:
        await asyncio.Event().wait()

    bench = Bench({"Waits": node_class(waits)}, limits=GraphLimits(seconds=0.2))
    error = (await bench.run({"w": ("Waits", {}), "look": ("Look", {"v": ["w", 0]})})).result.error
    assert error is not None
    assert (error.node_id, error.exception_type) == ("w", "GraphLimitError")


async def test_an_execution_can_be_cancelled() -> None:
    waiting = asyncio.Event()

    async def waits() -> None:
        waiting.set()
        await asyncio.Event().wait()

    bench = Bench({"Waits": node_class(waits)})
    task = asyncio.create_task(bench.run({"w": ("Waits", {}), "look": ("Look", {"v": ["w", 0]})}))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await bench.run({"look": ("Look", {"v": 1})})).result.status == "success"


async def test_an_asynchronous_node_knows_where_it_is_and_may_expand() -> None:
    async def expands(v: int) -> dict[str, Any]:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        current = current_node()
        assert current is not None
        graph = GraphBuilder()
        node = graph.node("Value", v={v: current.list_index})
        return {"result": (node.out(0),), "expand": graph.finalize()}

    graph: Graph = {
        "l": ("List", {"v": {"__value__": ["a", "b"]}}),
        "e": ("Expands", {"v": ["l", 0]}),
        "look": ("Look", {"v": ["e", 0]}),
    }
    ran = await run(graph, {"Expands": node_class(expands, required={"v": ANY})})
    assert ran.seen == {"look": [{"a": 0}, {"b": 1}]}
