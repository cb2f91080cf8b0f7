"""Graph events on the wire: the pool checks the events and results that a host sends."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from atelier_graph.events import GraphEvent, NodeFailed, event_from_json
from atelier_graph.execution import RunResult
from atelier_nodes.protocol.frames import ProtocolError
from atelier_nodes.protocol.messages import GraphEnded

_KINDS = {kind.__name__: kind for kind in GraphEvent.__subclasses__()}
_by_node = TypeAdapter(dict[str, dict[str, Any]]).validate_python
_adapters: dict[str, TypeAdapter[Any]] = {}


def read_result(message: GraphEnded) -> RunResult:
    """Reads the result of a graph. Raises ProtocolError when it is malformed."""
    error = None if message.error is None else read_event(dict(message.error), b"")
    if not isinstance(error, NodeFailed | None):
        raise ProtocolError("not a result")
    try:
        return RunResult(message.status, _by_node(message.outputs), _by_node(message.meta), error)
    except ValidationError as fault:
        raise ProtocolError(f"not a result: {fault}") from fault


def read_event(value: dict[str, Any], data: bytes) -> GraphEvent:
    """Reads an event.

    Args:
        value: What `GraphEvent.to_json` returned.
        data: Its preview, or empty.

    Raises:
        ProtocolError: It is not an event, or a field does not have its declared type.
    """
    try:
        event = event_from_json(value, data or None)
        name = type(event).__name__
        if name not in _adapters:
            _adapters[name] = TypeAdapter(_KINDS[name])
        # The result is not used: it would convert a progress of 1 to 1.0.
        _adapters[name].validate_python({key: part for key, part in value.items() if key != "type"})
    except (ValueError, TypeError, AttributeError, ValidationError) as error:
        raise ProtocolError(f"not an event: {error}") from error
    return event
