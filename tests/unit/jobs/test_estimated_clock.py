"""The database's clock, as a process reckons it from what statements returned."""

import time

from atelier_jobs.sql.clock import EstimatedClock


def _here_us() -> int:
    return time.time_ns() // 1000


def test_it_knows_nothing_before_it_has_seen_the_database_s_time() -> None:
    assert EstimatedClock().now_us() is None


def test_it_goes_with_the_database_however_wrong_the_host_is() -> None:
    clock = EstimatedClock()
    clock.observe(_here_us() + 3_600_000_000)
    now_us = clock.now_us()
    assert now_us is not None
    assert abs(now_us - _here_us() - 3_600_000_000) < 1_000_000


def test_a_reply_that_took_long_does_not_set_it_back() -> None:
    clock = EstimatedClock()
    clock.observe(_here_us())
    before_us = clock.now_us()
    clock.observe(_here_us() - 5_000_000)
    after_us = clock.now_us()
    assert before_us is not None
    assert after_us is not None
    assert after_us >= before_us
