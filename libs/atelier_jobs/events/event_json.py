"""JSON of events, with the detail of their progress by its fields' names."""

from typing import Any

from google.protobuf.json_format import MessageToDict

from atelier.events.v1 import events_pb2
from atelier_service.contracts import load_contracts

Event = events_pb2.Event


def event_fields(event: Event) -> dict[str, Any]:
    """Returns the JSON fields of an event, in the format of the gateway's transcoder.

    A detail whose contract this process does not have (it is older than the kind of job) is left out.
    """
    load_contracts()
    try:
        return _fields(event)
    except TypeError:  # what MessageToDict raises for an Any of an unknown type
        known = Event()
        known.CopyFrom(event)
        update = known.snapshot if known.HasField("snapshot") else known.generation_progress
        update.progress.ClearField("detail")
        return _fields(known)


def _fields(event: Event) -> dict[str, Any]:
    return MessageToDict(event, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
