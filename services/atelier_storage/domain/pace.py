"""The pace of an upload: how slowly its bytes may come."""

from collections.abc import Callable
from dataclasses import dataclass

from atelier_service.errors import AbortedError


@dataclass(frozen=True, slots=True)
class SlowestPace:
    """An upload may pause `idle_s` seconds at a time, sends `bytes_per_s` in the long run, and ends within
    `timeout_s`."""

    idle_s: float
    bytes_per_s: float
    timeout_s: float


class Pace:
    """Of one upload. The time that its sender may still be waited for: `idle_s` at first, less with every second of
    waiting, more with every byte, and never more than `idle_s`. So what was sent fast buys no long pause.

    Only waiting counts, not what this service does with the bytes; but for the end, which comes in any case.
    """

    def __init__(self, slowest: SlowestPace, now_s: Callable[[], float]) -> None:
        """`now_s` tells the seconds of a clock that never goes back."""
        self._slowest = slowest
        self._now_s = now_s
        self._credit_s = slowest.idle_s
        self._end_s = now_s() + slowest.timeout_s

    @property
    def patience_s(self) -> float:
        """How long the next bytes are waited for; not positive when they would come too late."""
        return min(self._credit_s, self._end_s - self._now_s())

    def came(self, size_bytes: int, waited_s: float) -> None:
        """Bytes came after so long."""
        earned_s = size_bytes / self._slowest.bytes_per_s
        self._credit_s = min(self._credit_s - waited_s + earned_s, self._slowest.idle_s)

    def stalled(self) -> AbortedError:
        """The error that the sender gets."""
        slowest = self._slowest
        return AbortedError(
            "UPLOAD_STALLED",
            f"the file came too slowly: it may pause for {slowest.idle_s:g} seconds at a time, needs"
            f" {slowest.bytes_per_s:g} bytes a second and ends within {slowest.timeout_s:g} seconds; send it again",
        )
