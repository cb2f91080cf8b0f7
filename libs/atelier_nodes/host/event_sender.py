"""The event sender: the events of one graph go to the pool, and a flood of progress does not."""

import threading
import time

from atelier_graph.events import GraphEvent, NodeProgress
from atelier_nodes.host.wire import Wire
from atelier_nodes.protocol.messages import GraphHappened

_PROGRESS_PER_S = 50.0
_PROGRESS_BURST = 200.0
_PREVIEW_EVERY_S = 0.5
_FLUSH_S = 0.1


class EventSender:
    """Sends events in their order.

    Progress beyond a rate is merged: the latest of each node is sent, at the latest before the next other event.
    Previews are sent at most twice a second.
    """

    def __init__(self, wire: Wire, execution: str) -> None:
        self._wire = wire
        self._execution = execution
        self._lock = threading.Lock()
        self._allowed = _PROGRESS_BURST
        self._refilled = time.monotonic()
        self._previewed = 0.0
        self._latest: dict[str, NodeProgress] = {}

    def publish(self, event: GraphEvent) -> None:
        """Takes an event; from any thread."""
        with self._lock:
            if not isinstance(event, NodeProgress):
                self._flush()
                self._send(event)
            elif self._may_send():
                self._latest.pop(event.node, None)
                self._send(event)
            else:
                if not self._latest:
                    timer = threading.Timer(_FLUSH_S, self._flush_later)
                    timer.daemon = True
                    timer.start()
                self._latest[event.node] = event

    def _may_send(self) -> bool:
        now = time.monotonic()
        self._allowed = min(_PROGRESS_BURST, self._allowed + (now - self._refilled) * _PROGRESS_PER_S)
        self._refilled = now
        if self._allowed < 1:
            return False
        self._allowed -= 1
        return True

    def _flush_later(self) -> None:
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        for event in self._latest.values():
            self._send(event)
        self._latest.clear()

    def _send(self, event: GraphEvent) -> None:
        data = b""
        if isinstance(event, NodeProgress) and event.preview:
            now = time.monotonic()
            if now - self._previewed >= _PREVIEW_EVERY_S:
                data, self._previewed = event.preview, now
        self._wire.send(GraphHappened(self._execution, (event.to_json(),), data))
