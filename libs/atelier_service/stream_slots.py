"""Slots of event streams: how many a process has open, in all and for each caller."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Gauge

from atelier_service.errors import ResourceExhaustedError
from atelier_service.slots import Slots

_CALLERS = 10  # callers that can have all their streams open at once
_RETRY_AFTER_S = 5.0

_OPEN = Gauge("atelier_event_streams_open", "Streams of events that are open")


class StreamSlots:
    """Limits event streams, so that one caller cannot use up the slots or the CPU of the process."""

    def __init__(self, per_caller: int) -> None:
        def refusal(why: str) -> ResourceExhaustedError:
            return ResourceExhaustedError(
                "TOO_MANY_STREAMS",
                f"{why}; end a stream of events, or follow several jobs in one",
                metadata={"max_streams_per_caller": str(per_caller)},
                retry_after_s=_RETRY_AFTER_S,
            )

        self._slots = Slots(_CALLERS * per_caller, per_caller, refusal)

    def check(self, caller: str) -> None:
        """Raises ResourceExhaustedError when `caller` may not begin another stream now."""
        self._slots.check(caller)

    @contextmanager
    def take(self, caller: str) -> Iterator[None]:
        """Holds a slot for a stream of `caller` while the context is open. Raises as `check` does."""
        with self._slots.take(caller), _OPEN.track_inprogress():
            yield
