"""How slowly an upload may come."""

from atelier_storage.domain.pace import Pace, SlowestPace

SLOWEST = SlowestPace(idle_s=30, bytes_per_s=100, timeout_s=600)


class Clock:
    """A clock that is set by hand."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def sent(clock: Clock, *, size_bytes: int, every_s: float) -> float:
    """When an upload at this pace is given up on, in seconds from its start; it may go on for two hours."""
    pace, began_s = Pace(SLOWEST, clock), clock.now_s
    while clock.now_s - began_s < 7200:
        if pace.patience_s < every_s:
            return clock.now_s - began_s + max(0.0, pace.patience_s)
        clock.now_s += every_s
        pace.came(size_bytes, every_s)
    raise AssertionError("it was never given up on")


def test_a_byte_now_and_then_buys_no_time_to_speak_of() -> None:
    assert 30 <= sent(Clock(), size_bytes=1, every_s=20) < 31


def test_what_comes_at_the_least_rate_may_go_on_to_the_deadline() -> None:
    assert sent(Clock(), size_bytes=1000, every_s=10) == 600


def test_what_comes_at_half_the_rate_is_given_up_on_after_twice_the_pause() -> None:
    assert 55 <= sent(Clock(), size_bytes=500, every_s=10) <= 65


def test_what_was_sent_fast_buys_no_long_pause() -> None:
    clock = Clock()
    pace = Pace(SLOWEST, clock)
    pace.came(10**9, 0.1)
    assert pace.patience_s == 30


def test_what_this_service_does_meanwhile_does_not_count() -> None:
    clock = Clock()
    pace = Pace(SLOWEST, clock)
    clock.now_s += 100
    assert pace.patience_s == 30


def test_the_last_seconds_are_those_to_the_deadline() -> None:
    clock = Clock()
    pace = Pace(SLOWEST, clock)
    clock.now_s += 595
    assert pace.patience_s == 5
