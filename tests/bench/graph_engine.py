"""The graph engine alone: executions and validations of trivial nodes, beside a bare loop over the same nodes."""

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

from atelier_graph.caches import ClassicCache
from atelier_graph.custom_validation import ClassValidator
from atelier_graph.events import GraphEvent, NodeFinished
from atelier_graph.execution import GraphRunner
from atelier_graph.limits import GraphLimits
from atelier_graph.node_classes import NodeClasses
from atelier_graph.node_objects import NodeObjects
from atelier_graph.prompt import parse_prompt
from atelier_graph.validation import validate
from tests.bench.rows import Row, Spread, Target

CHAIN, PAIRS, VALIDATED = 800, 400, 2_000


class Increment:
    """Adds one."""

    RETURN_TYPES = ("INT",)
    FUNCTION = "increment"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("INT", {"min": 0, "max": 1 << 31})}}

    def increment(self, value: int) -> tuple[int]:
        return (value + 1,)


class Show:
    """Returns its input for the user interface."""

    RETURN_TYPES = ()
    FUNCTION = "show"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("INT", {"forceInput": True})}}

    def show(self, value: int) -> dict[str, Any]:
        return {"ui": {"text": [str(value)]}}


CLASSES: dict[str, type] = {"Increment": Increment, "Show": Show}


class Listener:
    """Takes events as JSON, as whoever passes them on does."""

    def __init__(self) -> None:
        self.finished = 0

    def publish(self, event: GraphEvent) -> None:
        event.to_json()
        self.finished += isinstance(event, NodeFinished)


async def measure_graph_engine(*, rounds: int) -> list[Row]:
    """Rounds of a chain, of independent pairs, of their cached runs, and of a validation."""
    rows: list[Row] = []
    for name, graph in ((f"chain of {CHAIN} nodes", _chain(CHAIN)), (f"{PAIRS} independent pairs", _pairs(PAIRS))):
        first, cached, bare = [], [], []
        for _ in range(rounds + 1):
            runner = GraphRunner(CLASSES, ClassicCache(), NodeObjects(), GraphLimits())
            first.append(await _seconds_of_a_run(runner, graph, calls=len(graph)))
            cached.append(await _seconds_of_a_run(runner, graph, calls=None))
            bare.append(_seconds_of(lambda graph=graph: _loop(graph)))  # type: ignore[misc]
        rows.append(_row(f"graph: {name}, with a listener", first[1:], bare[1:], limit_s=1.0))
        rows.append(_row(f"graph: {name}, cached", cached[1:], bare[1:], limit_s=0.1))
    graph = _chain(VALIDATED - 1)
    seconds, bare = [], []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        classes, custom = NodeClasses(CLASSES), ClassValidator(CLASSES)
        validation = await validate(parse_prompt(graph, GraphLimits()), classes, custom=custom)
        seconds.append(time.perf_counter() - started)
        assert validation.ok
        bare.append(_seconds_of(lambda graph=graph: _checks(graph)))  # type: ignore[misc]
    rows.append(_row(f"graph: validation of {VALIDATED} nodes", seconds[1:], bare[1:], limit_s=0.2))
    return rows


async def _seconds_of_a_run(runner: GraphRunner, graph: dict[str, Any], *, calls: int | None) -> float:
    prompt, listener = parse_prompt(graph, GraphLimits()), Listener()
    outputs = [node_id for node_id, node in graph.items() if node["class_type"] == "Show"]
    started = time.perf_counter()
    result = await runner.run(prompt, outputs, listener, prompt_id="bench", extra_data={})
    seconds = time.perf_counter() - started
    assert result.status == "success"
    assert listener.finished == (calls or len(outputs))
    return seconds


def _chain(size: int) -> dict[str, Any]:
    graph = {"0": {"class_type": "Increment", "inputs": {"value": 0}}}
    for number in range(1, size):
        graph[str(number)] = {"class_type": "Increment", "inputs": {"value": [str(number - 1), 0]}}
    graph["end"] = {"class_type": "Show", "inputs": {"value": [str(size - 1), 0]}}
    return graph


def _pairs(count: int) -> dict[str, Any]:
    graph = {}
    for number in range(count):
        graph[f"a{number}"] = {"class_type": "Increment", "inputs": {"value": number}}
        graph[f"b{number}"] = {"class_type": "Show", "inputs": {"value": [f"a{number}", 0]}}
    return graph


def _loop(graph: dict[str, Any]) -> None:
    """The same calls of the same nodes, in the order in which they stand, which is one that is possible."""
    values: dict[str, Any] = {}
    for node_id, node in graph.items():
        value = node["inputs"]["value"]
        given = values[value[0]][value[1]] if isinstance(value, list) else value
        python_class = CLASSES[node["class_type"]]
        values[node_id] = getattr(python_class(), python_class.FUNCTION)(given)  # type: ignore[attr-defined]


def _checks(graph: dict[str, Any]) -> None:
    """The same questions about the same inputs."""
    for node in graph.values():
        value = node["inputs"]["value"]
        assert node["class_type"] in CLASSES
        assert value[0] in graph if isinstance(value, list) else 0 <= int(value) <= 1 << 31


def _seconds_of(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _row(name: str, seconds: list[float], bare: list[float], *, limit_s: float) -> Row:
    ratio = median(ours / theirs for ours, theirs in zip(seconds, bare, strict=True))
    row = Row(
        name=name,
        value=Spread.of(seconds),
        unit="s",
        target=Target(limit_s),
        ours=f"{median(seconds) * 1000:.4g} ms",
        theirs=f"{median(bare) * 1000:.4g} ms",
        rounds={"ours": seconds, "theirs": bare},
    )
    return replace(row, note=f"{name}: {ratio:.0f} times a bare loop over the same nodes")
