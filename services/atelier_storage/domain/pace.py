"""Pace: the lowest rate at which an upload may send its bytes."""

from collections.abc import Callable
from dataclasses import dataclass

from atelier_service.errors import AbortedError


@dataclass(frozen=True, slots=True)
class SlowestPace:
    """The limits of a pace.

    Attributes:
        idle_s: The longest pause, in seconds.
        bytes_per_s: The lowest rate in the long run.
        timeout_s: The longest duration of an upload, in seconds.
    """

    idle_s: float
    bytes_per_s: float
    timeout_s: float


class Pace:
    """The pace of one upload, as a credit of waiting time.

    The credit begins at `idle_s`, decreases by each second of waiting and increases with each byte received, up to
    `idle_s`; so fast sending does not allow a longer pause. The time in which this service processes the bytes does not
    count, except against `timeout_s`.
    """

    def __init__(self, slowest: SlowestPace, now_s: Callable[[], float]) -> None:
        """Starts the pace of an upload; `now_s` returns the seconds of a monotonic clock."""
        self._slowest = slowest
        self._now_s = now_s
        self._credit_s = slowest.idle_s
        self._end_s = now_s() + slowest.timeout_s

    @property
    def patience_s(self) -> float:
        """Seconds to wait for the next bytes; zero or negative when the upload is too slow."""
        return min(self._credit_s, self._end_s - self._now_s())

    def came(self, size_bytes: int, waited_s: float) -> None:
        """Records that `size_bytes` were received after waiting `waited_s` seconds."""
        earned_s = size_bytes / self._slowest.bytes_per_s
        self._credit_s = min(self._credit_s - waited_s + earned_s, self._slowest.idle_s)

    def stalled(self) -> AbortedError:
        """Returns the error of an upload that is too slow."""
        slowest = self._slowest
        return AbortedError(
            "UPLOAD_STALLED",
            f"the file came too slowly: it may pause for {slowest.idle_s:g} seconds at a time, needs"
            f" {slowest.bytes_per_s:g} bytes a second and ends within {slowest.timeout_s:g} seconds; send it again",
        )
