"""The event sender: sends the events of one graph to the pool, and limits the rate of progress."""

import threading
import time
from collections import defaultdict

from atelier_graph.events import GraphEvent, NodeProgress
from atelier_nodes.host.wire import Wire
from atelier_nodes.protocol.messages import GraphHappened

_PROGRESS_PER_S = 50.0
_PROGRESS_BURST = 200.0
_PREVIEWS_PER_S = 5.0
_PREVIEW_BURST = 10.0
_FLUSH_S = 0.1


class _Allowance:
    """A token bucket: `burst` at once, and `per_s` on average."""

    def __init__(self, burst: float, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._left = burst
        self._refilled = time.monotonic()

    def take(self) -> bool:
        """Takes one token; returns False if there is none."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._refilled) * self._per_s)
        self._refilled = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class EventSender:
    """Sends events in order.

    Progress beyond a rate is merged: only the latest of each node is sent, within 0.1 s and before the next event of
    another kind. Each node has a rate of its own for previews, so that each of several concurrent nodes shows some;
    previews beyond the rate are dropped.
    """

    def __init__(self, wire: Wire, execution: str) -> None:
        self._wire = wire
        self._execution = execution
        self._lock = threading.Lock()
        self._progress = _Allowance(_PROGRESS_BURST, _PROGRESS_PER_S)
        self._previews: defaultdict[str, _Allowance] = defaultdict(lambda: _Allowance(_PREVIEW_BURST, _PREVIEWS_PER_S))
        self._latest: dict[str, NodeProgress] = {}

    def publish(self, event: GraphEvent) -> None:
        """Sends or merges an event. Thread-safe."""
        with self._lock:
            if not isinstance(event, NodeProgress):
                self._flush()
                self._send(event)
            elif self._progress.take():
                self._latest.pop(event.node, None)
                self._send(event)
            else:
                if not self._latest:
                    timer = threading.Timer(_FLUSH_S, self._flush_later)
                    timer.daemon = True
                    timer.start()
                self._latest[event.node] = event

    def _flush_later(self) -> None:
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        for event in self._latest.values():
            self._send(event)
        self._latest.clear()

    def _send(self, event: GraphEvent) -> None:
        data = b""
        if isinstance(event, NodeProgress) and event.preview and self._previews[event.node].take():
            data = event.preview
        self._wire.send(GraphHappened(self._execution, (event.to_json(),), data))
