"""Failures of nodes, as events."""

import traceback
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from atelier_graph.events import NodeFailed
from atelier_graph.json_value import displayed_list

_FRAMES = 50
_MESSAGE = 10_000
_INPUTS = 100
_ENGINE = str(Path(__file__).parent)


def failure_of(
    error: BaseException,
    *,
    node_id: str,
    node_type: str,
    inputs: Mapping[str, Sequence[Any]],
    executed: Sequence[str],
    with_outputs: Sequence[str],
) -> NodeFailed:
    """The failure of a node, with values and text of bounded size.

    Args:
        error: The exception. Its traceback is shown from the node's own code on.
        node_id: The node of the prompt.
        node_type: Its class.
        inputs: The values of its inputs.
        executed: Ids of the nodes that finished before.
        with_outputs: Ids of the nodes that have outputs.
    """
    return NodeFailed(
        node_id=node_id,
        node_type=node_type,
        executed=list(executed),
        exception_type=_type_name(type(error)),
        exception_message=_message(error),
        traceback=_traceback(error.__traceback__),
        current_inputs={name: displayed_list(values) for name, values in islice(inputs.items(), _INPUTS)},
        current_outputs=list(with_outputs),
    )


def _type_name(type_: type[BaseException]) -> str:
    own = type_.__module__ == "builtins" or type_.__module__.startswith("atelier_graph.")
    return type_.__qualname__ if own else f"{type_.__module__}.{type_.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        return str(error)[:_MESSAGE]
    except Exception as fault:  # noqa: BLE001 - code of a node, which must not fail the report about its failure
        return f"(the text of the exception raised {type(fault).__name__})"


def _traceback(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)
    first = next((index for index, frame in enumerate(frames) if not frame.filename.startswith(_ENGINE)), len(frames))
    return [text[:_MESSAGE] for text in traceback.format_list(frames[first:][-_FRAMES:])]
