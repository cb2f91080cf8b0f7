"""Executions: order of events, list mapping, returns, hidden inputs, failures."""

import asyncio
import dataclasses
import json
import threading
from typing import Any

import pytest

from atelier_graph.blocker import ExecutionBlocker
from atelier_graph.context import current_node
from atelier_graph.errors import RunInterruptedError
from atelier_graph.events import (
    CustomMessage,
    ExecutionBlocked,
    GraphEvent,
    NodeExecuted,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodesCached,
    NodeStarted,
    RunEnded,
    RunInterrupted,
    RunStarted,
    event_from_json,
)
from atelier_graph.limits import GraphLimits
from tests.unit.graph.graphs import ANY, Bench, Graph, node_class, run

TWO_NODES: Graph = {"0": ("Inc", {"v": 424242, "d": 0.0}), "s": ("Show", {"v": ["0", 0]})}
"""The graph of the recorded messages."""


async def test_two_nodes_publish_what_was_recorded_in_that_order() -> None:
    ran = await run(TWO_NODES)
    assert ran.record.events == [
        RunStarted(),
        NodesCached([]),
        NodeStarted("0", "0", None, "0"),
        NodeFinished("0", "0", None, "0"),
        NodeStarted("s", "s", None, "s"),
        NodeExecuted("s", "s", None, "s", {"text": ["424243"]}),
        NodeFinished("s", "s", None, "s"),
        RunEnded("success"),
    ]


async def test_the_result_is_what_the_history_recorded() -> None:
    result = (await run(TWO_NODES)).result
    assert (result.status, result.error) == ("success", None)
    assert result.outputs == {"s": {"text": ["424243"]}}
    assert result.meta == {"s": {"node_id": "s", "display_node": "s", "parent_node": None, "real_node_id": "s"}}


# List mapping


async def test_a_node_is_called_for_each_element_and_shorter_lists_repeat_their_last() -> None:
    pair = node_class(lambda a, b: ([a, b],), required={"a": ANY, "b": ANY})
    graph: Graph = {
        "three": ("List", {"v": {"__value__": [1, 2, 3]}}),
        "two": ("List", {"v": {"__value__": ["x", "y"]}}),
        "pair": ("Pair", {"a": ["three", 0], "b": ["two", 0]}),
        "look": ("Look", {"v": ["pair", 0]}),
    }
    assert (await run(graph, {"Pair": pair})).seen == {"look": [[1, "x"], [2, "y"], [3, "y"]]}


async def test_a_node_without_inputs_is_called_once() -> None:
    once = node_class(lambda: ("called",))
    assert (await run({"1": ("Look", {"v": ["2", 0]}), "2": ("Once", {})}, {"Once": once})).seen == {"1": ["called"]}


async def test_a_node_that_wants_lists_is_called_once_with_all_of_them() -> None:
    whole = node_class(lambda v, w: ([v, w],), required={"v": ANY, "w": ANY}, INPUT_IS_LIST=True)
    graph: Graph = {
        "list": ("List", {"v": {"__value__": [1, 2]}}),
        "whole": ("Whole", {"v": ["list", 0], "w": 5}),
        "look": ("Look", {"v": ["whole", 0]}),
    }
    assert (await run(graph, {"Whole": whole})).seen == {"look": [[[1, 2], [5]]]}


async def test_lists_of_several_calls_are_concatenated() -> None:
    twice = node_class(lambda v: ([v, v * 10],), required={"v": ANY}, OUTPUT_IS_LIST=(True,))
    graph: Graph = {
        "list": ("List", {"v": {"__value__": [1, 2]}}),
        "twice": ("Twice", {"v": ["list", 0]}),
        "look": ("Look", {"v": ["twice", 0]}),
    }
    assert (await run(graph, {"Twice": twice})).seen == {"look": [1, 10, 2, 20]}


async def test_an_output_that_is_no_list_passes_a_list_as_one_value() -> None:
    graph: Graph = {"1": ("Value", {"v": {"__value__": [1, 2]}}), "2": ("Look", {"v": ["1", 0]})}
    assert (await run(graph)).seen == {"2": [[1, 2]]}


async def test_an_empty_list_beside_another_input_fails_the_node_that_receives_it() -> None:
    pair = node_class(lambda a, b: (a,), required={"a": ANY, "b": ANY})
    graph: Graph = {
        "none": ("List", {"v": {"__value__": []}}),
        "pair": ("Pair", {"a": ["none", 0], "b": 1}),
        "look": ("Look", {"v": ["pair", 0]}),
    }
    error = (await run(graph, {"Pair": pair})).result.error
    assert error is not None
    assert (error.node_id, error.exception_type) == ("pair", "NodeInputError")
    assert "'a'" in error.exception_message


# Returns


async def test_ui_of_several_calls_is_concatenated_for_each_key() -> None:
    shows = node_class(lambda v: {"ui": {"a": [v], "b": (v, v)}}, required={"v": ANY}, output=True)
    graph: Graph = {"list": ("List", {"v": {"__value__": [1, 2]}}), "s": ("Shows", {"v": ["list", 0]})}
    assert (await run(graph, {"Shows": shows})).result.outputs == {"s": {"a": [1, 2], "b": [1, 1, 2, 2]}}


async def test_a_node_may_return_a_ui_and_a_result() -> None:
    both = node_class(lambda: {"ui": {"x": [1]}, "result": (7,)}, output=True)
    ran = await run({"1": ("Both", {}), "2": ("Look", {"v": ["1", 0]})}, {"Both": both})
    assert ran.result.outputs == {"1": {"x": [1]}, "2": {"seen": [7]}}


@pytest.mark.parametrize(
    ("returned", "type_"),
    [
        ("text", "NodeReturnError"),
        (None, "NodeReturnError"),
        ({"result": 5}, "NodeReturnError"),
        ({"ui": {"x": [object()]}}, "NodeReturnError"),
        ({"ui": {"x": [float("nan")]}}, "NodeReturnError"),
        ({"ui": [1]}, "NodeReturnError"),
        ({"expand": [1]}, "NodeReturnError"),
        ({"expand": {"x": 1}}, "NodeReturnError"),
        ({"expand": {"x": {"class_type": "Nope"}}, "result": (["x", 0],)}, "NodeInputError"),
        ({"expand": {}, "result": (["nothing", 0],)}, "NodeInputError"),
        ({"expand": {"1": {"class_type": "Value", "inputs": {"v": 1}}}}, "DuplicateNodeError"),
    ],
)
async def test_a_return_that_is_no_result_is_a_failure_of_its_node(returned: Any, type_: str) -> None:
    odd = node_class(lambda: returned)
    result = (await run({"1": ("Look", {"v": ["2", 0]}), "2": ("Odd", {})}, {"Odd": odd})).result
    assert result.error is not None
    assert (result.status, result.error.node_id, result.error.node_type) == ("error", "2", "Odd")
    assert result.error.exception_type == type_


async def test_calls_that_return_different_numbers_of_values_fail_their_node() -> None:
    uneven = node_class(lambda v: tuple(range(v)), required={"v": ANY}, returns=("*", "*"))
    graph: Graph = {
        "list": ("List", {"v": {"__value__": [1, 2]}}),
        "u": ("Uneven", {"v": ["list", 0]}),
        "look": ("Look", {"v": ["u", 0]}),
    }
    error = (await run(graph, {"Uneven": uneven})).result.error
    assert error is not None
    assert error.node_id == "u"


async def test_an_output_that_was_not_returned_arrives_as_none() -> None:
    less = node_class(lambda: (1,), returns=("*", "*"))
    assert (await run({"1": ("Less", {}), "2": ("Look", {"v": ["1", 1]})}, {"Less": less})).seen == {"2": [None]}


# Inputs


async def test_undeclared_links_reach_the_node_and_undeclared_literals_do_not() -> None:
    variadic = node_class(lambda **inputs: {"ui": {"seen": [inputs]}}, required={"a": ("*", {})}, output=True)
    graph: Graph = {"1": ("Variadic", {"z": ["2", 0], "a": 1, "b": 2}), "2": ("Value", {"v": 5})}
    assert (await run(graph, {"Variadic": variadic})).seen == {"1": [{"z": 5, "a": 1}]}
    every = node_class(lambda **inputs: {"ui": {"seen": [inputs]}}, output=True, ACCEPT_ALL_INPUTS=True)
    assert (await run(graph, {"Variadic": every})).seen == {"1": [{"z": 5, "a": 1, "b": 2}]}


async def test_a_mapping_that_contains_every_key_declares_every_input() -> None:
    class Everything(dict[str, Any]):
        def __contains__(self, key: object) -> bool:
            return True

        def __missing__(self, key: str) -> tuple[str]:
            return ("*",)

    node = node_class(lambda **inputs: {"ui": {"seen": [inputs]}}, optional=Everything(), output=True)
    assert (await run({"1": ("Node", {"x": 1})}, {"Node": node})).seen == {"1": [{"x": 1}]}


async def test_an_undeclared_link_to_nowhere_is_a_failure_of_its_node() -> None:
    error = (await run({"1": ("Look", {"v": 1, "more": ["99", 0]})})).result.error
    assert error is not None
    assert (error.node_id, error.exception_type) == ("1", "NodeInputError")
    assert "'99'" in error.exception_message


async def test_omitted_optional_inputs_take_their_defaults() -> None:
    node = node_class(
        lambda **inputs: {"ui": {"seen": [inputs]}},
        optional={"a": ("INT", {"default": 7}), "b": ("IMAGE", {})},
        output=True,
    )
    assert (await run({"1": ("Node", {})}, {"Node": node})).seen == {"1": [{"a": 7}]}


async def test_a_wrapped_list_is_a_literal_even_if_it_looks_like_a_link() -> None:
    graph: Graph = {"1": ("Look", {"v": {"__value__": ["2", 0]}}), "2": ("Value", {"v": 5})}
    assert (await run(graph)).seen == {"1": [["2", 0]]}


async def test_a_raw_link_arrives_as_such_and_its_node_runs_before() -> None:
    raw = node_class(lambda v: {"ui": {"seen": [v]}}, required={"v": ("*", {"rawLink": True})}, output=True)
    ran = await run({"1": ("Raw", {"v": ["2", 0]}), "2": ("Value", {"v": 5})}, {"Raw": raw})
    assert ran.seen == {"1": [["2", 0]]}
    assert ran.record.started == ["2", "1"]


async def test_hidden_inputs_are_values_of_the_execution() -> None:
    received: dict[str, Any] = {}
    kinds = ("PROMPT", "DYNPROMPT", "EXTRA_PNGINFO", "UNIQUE_ID", "AUTH_TOKEN_COMFY_ORG", "API_KEY_COMFY_ORG")
    node = node_class(
        lambda **inputs: received.update(inputs) or {},
        hidden={kind.lower(): kind for kind in kinds},
        output=True,
    )
    extra = {"extra_pnginfo": {"workflow": 1}, "auth_token_comfy_org": "t", "api_key_comfy_org": "k"}
    await Bench({"Node": node}).run({"1": ("Node", {})}, extra_data=extra)
    dynamic = received.pop("dynprompt")
    assert dynamic.get_node("1") == {"class_type": "Node", "inputs": {}}
    assert received == {
        "prompt": {"1": {"class_type": "Node", "inputs": {}}},
        "extra_pnginfo": {"workflow": 1},
        "unique_id": "1",
        "auth_token_comfy_org": "t",
        "api_key_comfy_org": "k",
    }


async def test_live_inputs_are_declared_for_the_node_and_nested_for_the_call() -> None:
    def nest(inputs: dict[str, Any]) -> dict[str, Any]:
        return {"rows": {name.partition(".")[2]: value for name, value in inputs.items()}}

    node = node_class(
        lambda rows: {"ui": {"seen": [rows]}},
        output=True,
        LIVE_INPUT_TYPES=staticmethod(lambda inputs: {"required": {name: ("INT", {}) for name in inputs}}),
        NEST_INPUTS=staticmethod(nest),
    )
    graph: Graph = {"1": ("Node", {"rows.a": 1, "rows.b": ["2", 0]}), "2": ("Inc", {"v": 4, "d": 0})}
    assert (await run(graph, {"Node": node})).seen == {"1": [{"a": 1, "b": 5}]}


# Objects


async def test_an_object_lives_as_long_as_prompts_have_its_node() -> None:
    class Counts:
        RETURN_TYPES = ("INT",)
        FUNCTION = "count"
        calls = 0

        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {"required": {}}

        @classmethod
        def IS_CHANGED(cls) -> float:
            return float("nan")

        def count(self) -> tuple[int]:
            self.calls += 1
            return (self.calls,)

    bench = Bench({"Counts": Counts})
    graph: Graph = {
        "1": ("Counts", {}),
        "2": ("Counts", {}),
        "a": ("Look", {"v": ["1", 0]}),
        "b": ("Look", {"v": ["2", 0]}),
    }
    assert (await bench.run(graph)).seen == {"a": [1], "b": [1]}
    assert (await bench.run(graph)).seen == {"a": [2], "b": [2]}
    await bench.run({"1": ("Counts", {}), "a": ("Look", {"v": ["1", 0]})})
    assert (await bench.run(graph)).seen == {"a": [4], "b": [1]}


# Blockers


async def test_a_blocker_skips_what_is_after_it_and_the_execution_succeeds() -> None:
    blocks = node_class(lambda: (ExecutionBlocker(None), 1), returns=("*", "*"))
    graph: Graph = {
        "b": ("Blocks", {}),
        "v": ("Value", {"v": ["b", 0]}),
        "skipped": ("Look", {"v": ["v", 0]}),
        "shown": ("Look", {"v": ["b", 1]}),
    }
    ran = await run(graph, {"Blocks": blocks})
    assert (ran.result.status, ran.seen) == ("success", {"shown": [1]})
    assert ran.record.of(ExecutionBlocked) == []


async def test_a_blocker_with_a_message_is_reported_at_the_first_node_it_blocks() -> None:
    blocks = node_class(lambda: ExecutionBlocker("not today"), returns=("*", "*"))
    graph: Graph = {"b": ("Blocks", {}), "v": ("Value", {"v": ["b", 1]}), "look": ("Look", {"v": ["v", 0]})}
    ran = await run(graph, {"Blocks": blocks})
    assert ran.result.status == "success"
    assert ran.record.of(ExecutionBlocked) == [ExecutionBlocked("v", "Value", ["b"], "not today")]


async def test_blockers_of_single_elements_block_single_calls() -> None:
    odd = node_class(lambda v: (v if v % 2 else ExecutionBlocker(None),), required={"v": ANY})
    graph: Graph = {
        "list": ("List", {"v": {"__value__": [1, 2, 3]}}),
        "odd": ("Odd", {"v": ["list", 0]}),
        "look": ("Look", {"v": ["odd", 0]}),
    }
    assert (await run(graph, {"Odd": odd})).seen == {"look": [1, 3]}


async def test_one_blocker_in_a_list_blocks_a_node_that_wants_lists() -> None:
    odd = node_class(lambda v: (v if v % 2 else ExecutionBlocker(None),), required={"v": ANY})
    whole = node_class(lambda v: {"ui": {"seen": v}}, required={"v": ANY}, INPUT_IS_LIST=True, output=True)
    graph: Graph = {
        "list": ("List", {"v": {"__value__": [1, 2, 3]}}),
        "odd": ("Odd", {"v": ["list", 0]}),
        "whole": ("Whole", {"v": ["odd", 0]}),
    }
    assert (await run(graph, {"Odd": odd, "Whole": whole})).seen == {}


# Failures


def _raising(error: BaseException) -> type:
    def call(v: object) -> None:
        raise error

    return node_class(call, required={"v": ("*", {})})


class Strange(BaseException):
    """An exception that is no Exception."""


class TextlessError(Exception):
    """An exception without a text."""

    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        SystemExit(3),
        KeyboardInterrupt(),
        Strange(),
        asyncio.CancelledError(),
        GeneratorExit(),
        TextlessError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_a_node_raises_is_a_failure_of_that_node_and_the_next_execution_runs(
    error: BaseException,
) -> None:
    bench = Bench({"Raises": _raising(error)})
    graph: Graph = {"1": ("Look", {"v": ["2", 0]}), "2": ("Raises", {"v": 1})}
    result = (await bench.run(graph)).result
    assert (result.status, result.outputs) == ("error", {})
    assert result.error is not None
    assert (result.error.node_id, result.error.node_type) == ("2", "Raises")
    assert (await bench.run(TWO_NODES)).result.status == "success"


async def test_a_failure_has_the_exception_the_node_and_its_inputs() -> None:
    class Big:
        def __repr__(self) -> str:
            return "B" * 1_000_000

    class Rude:
        def __repr__(self) -> str:
            raise RuntimeError

    makes = node_class(lambda: (Big(), Rude()), returns=("*", "*"))
    fails = node_class(
        lambda **_: 1 / 0,
        required={"text": ("STRING", {}), "big": ANY, "rude": ANY, "list": ANY, "n": ("INT", {}), "x": ("FLOAT", {})},
        hidden={"prompt": "PROMPT"},
        output=True,
    )
    inputs = {"text": "t" * 10_000, "big": ["m", 0], "rude": ["m", 1], "n": 2**80, "x": float("inf"), "list": ["l", 0]}
    graph: Graph = {"m": ("Makes", {}), "l": ("List", {"v": {"__value__": [1] * 9_999}}), "f": ("Fails", inputs)}
    ran = await run(graph, {"Makes": makes, "Fails": fails})
    [failed] = ran.record.of(NodeFailed)
    assert failed == ran.result.error
    assert (failed.exception_type, failed.exception_message) == ("ZeroDivisionError", "division by zero")
    assert sorted(failed.executed) == sorted(failed.current_outputs) == ["l", "m"]
    assert set(failed.current_inputs) == set(inputs)
    assert len(json.dumps(dataclasses.asdict(failed), allow_nan=False)) < 20_000
    assert "1 / 0" in failed.traceback[0]
    assert ran.record.events[-2:] == [failed, RunEnded("error")]


async def test_outputs_before_a_failure_are_in_the_result() -> None:
    graph: Graph = {
        "a": ("Look", {"v": 1}),
        "b": ("Look", {"v": ["r", 0]}),
        "r": ("Raises", {"v": ["a2", 0]}),
        "a2": ("Value", {"v": 2}),
    }
    assert (await run(graph, {"Raises": _raising(ValueError())})).seen == {"a": [1]}


async def test_exceptions_of_modules_are_named_with_their_module() -> None:
    error = (
        await run({"1": ("Look", {"v": ["2", 0]}), "2": ("Raises", {"v": 1})}, {"Raises": _raising(Strange())})
    ).result.error
    assert error is not None
    assert error.exception_type == f"{__name__}.Strange"


async def test_an_object_that_cannot_be_made_is_a_failure_of_its_node() -> None:
    def init(self: object) -> None:
        raise ValueError("not made")

    error = (await run({"1": ("Node", {})}, {"Node": node_class(dict, output=True, __init__=init)})).result.error
    assert error is not None
    assert (error.node_id, error.exception_message) == ("1", "not made")


# Interrupts, progress, limits


async def test_an_interrupt_ends_the_execution_before_the_next_call() -> None:
    bench = Bench()

    def interrupt(event: GraphEvent) -> None:
        if isinstance(event, NodeFinished):
            bench.runner.interrupt()

    ran = await bench.run(TWO_NODES, on_event=interrupt)
    assert (ran.result.status, ran.result.error) == ("interrupted", None)
    assert ran.record.events[-2:] == [RunInterrupted("s", "Show", ["0"]), RunEnded("interrupted")]


async def test_an_interrupt_is_forgotten_when_the_next_execution_begins() -> None:
    bench = Bench()
    bench.runner.interrupt()
    assert (await bench.run(TWO_NODES)).result.status == "success"


async def test_progress_is_published_and_ends_an_interrupted_node() -> None:
    bench: Bench

    def reports(v: object) -> tuple[int]:
        current = current_node()
        assert current is not None
        current.report(1, 4)
        current.report(2, 4, preview=b"jpeg")
        bench.runner.interrupt()
        try:
            current.report(3, 4)
        except Exception:  # noqa: BLE001 - a node that catches all it can
            return (1,)
        raise AssertionError("the report returned")

    bench = Bench({"Reports": node_class(reports, required={"v": ("*", {})})})
    ran = await bench.run({"1": ("Look", {"v": ["2", 0]}), "2": ("Reports", {"v": 1})})
    assert ran.record.of(NodeProgress) == [
        NodeProgress("2", "2", None, "2", 1, 4),
        NodeProgress("2", "2", None, "2", 2, 4, b"jpeg"),
    ]
    assert ran.record.of(RunInterrupted) == [RunInterrupted("2", "Reports", [])]


async def test_a_node_that_raises_the_interrupt_itself_interrupts() -> None:
    graph: Graph = {"1": ("Look", {"v": ["2", 0]}), "2": ("Raises", {"v": 1})}
    assert (await run(graph, {"Raises": _raising(RunInterruptedError())})).result.status == "interrupted"


async def test_the_current_node_is_known_in_each_call_and_in_no_other_place() -> None:
    places = []

    def call(v: object) -> tuple[object]:
        current = current_node()
        assert current is not None
        places.append((current.prompt_id, current.node_id, current.list_index))
        return (v,)

    graph: Graph = {
        "l": ("List", {"v": {"__value__": ["a", "b"]}}),
        "n": ("Node", {"v": ["l", 0]}),
        "look": ("Look", {"v": ["n", 0]}),
    }
    await run(graph, {"Node": node_class(call, required={"v": ANY})})
    assert places == [("prompt", "n", 0), ("prompt", "n", 1)]
    assert current_node() is None


async def test_a_thread_that_a_node_starts_has_no_current_node() -> None:
    found = []

    def call() -> tuple[int]:
        thread = threading.Thread(target=lambda: found.append(current_node()))
        thread.start()
        thread.join()
        return (1,)

    await run({"1": ("Look", {"v": ["2", 0]}), "2": ("Node", {})}, {"Node": node_class(call)})
    assert found == [None]


async def test_an_execution_that_takes_too_long_fails_at_the_next_call() -> None:
    bench = Bench(limits=GraphLimits(seconds=0.0))
    error = (await bench.run(TWO_NODES)).result.error
    assert error is not None
    assert (error.node_id, error.exception_type) == ("0", "GraphLimitError")


async def test_one_runner_executes_one_prompt_at_a_time() -> None:
    bench: Bench

    async def again() -> tuple[str]:
        with pytest.raises(RuntimeError) as refused:
            await bench.run(TWO_NODES)
        return (str(refused.value),)

    bench = Bench({"Again": node_class(again)})
    assert (await bench.run({"1": ("Look", {"v": ["2", 0]}), "2": ("Again", {})})).result.status == "success"


# Order


async def _order(graph: Graph, classes: dict[str, type] | None = None) -> list[str]:
    return (await run(graph, classes)).record.started


async def test_an_output_runs_as_soon_as_it_can() -> None:
    graph: Graph = {
        "late": ("Look", {"v": ["x3", 0]}),
        "x1": ("Value", {"v": 1}),
        "x2": ("Value", {"v": ["x1", 0]}),
        "x3": ("Value", {"v": ["x2", 0]}),
        "soon": ("Look", {"v": ["x1", 0]}),
    }
    assert await _order(graph) == ["x1", "soon", "x2", "x3", "late"]


async def test_what_an_output_waits_for_comes_before_what_that_waits_for_and_the_rest() -> None:
    graph: Graph = {
        "o1": ("Look", {"v": ["a2", 0]}),
        "a2": ("Value", {"v": ["a1", 0]}),
        "a1": ("Value", {"v": ["a0", 0]}),
        "a0": ("Value", {"v": 0}),
        "o2": ("Look", {"v": ["b2", 0]}),
        "b2": ("Value", {"v": ["b1", 0]}),
        "b1": ("Value", {"v": 1}),
        "o3": ("Look", {"v": ["c", 0]}),
        "c": ("Value", {"v": 2}),
    }
    assert await _order(graph) == ["c", "o3", "b1", "b2", "o2", "a0", "a1", "a2", "o1"]


async def test_a_chain_of_five_thousand_nodes_runs() -> None:
    graph: dict[str, Any] = {"0": ("Value", {"v": 7})}
    graph |= {str(number): ("Value", {"v": [str(number - 1), 0]}) for number in range(1, 5_000)}
    graph["end"] = ("Look", {"v": ["4999", 0]})
    assert (await run(graph)).seen == {"end": [7]}


# Events


def test_events_are_json_and_back() -> None:
    for event in (
        NodeProgress("1", "1", None, "1", 1, 2, b"bytes", "image/png"),
        NodeExecuted("1", "2", "3", "4", {"a": [1]}),
        NodeFailed("1", "A", ["2"], "ValueError", "no"),
        CustomMessage("my.event", {"x": [1]}, broadcast=True),
        RunEnded("success"),
    ):
        value = json.loads(json.dumps(event.to_json()))
        assert event_from_json(value, getattr(event, "preview", None)) == event


@pytest.mark.parametrize("value", [{}, {"type": "Nothing"}, {"type": "RunEnded"}, {"type": "RunEnded", "x": 1}])
def test_what_is_no_event_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="No "):
        event_from_json(value)
