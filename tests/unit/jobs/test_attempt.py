"""What an attempt keeps on its way."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.context import Context

from atelier_jobs.domain.states import State
from atelier_jobs.worker.attempt import Attempt, Stopped, StopReason
from atelier_service.errors import UnavailableError
from tests.unit.jobs.test_states import NEW


def _attempt(save_partial: Callable[[bytes], Coroutine[Any, Any, bool]]) -> Attempt:
    reporter: Any = None  # nothing is reported here
    return Attempt(replace(NEW, state=State.RUNNING, attempt=1, epoch=1), reporter, Context(), save_partial)


async def test_an_attempt_continues_while_the_database_is_unavailable_and_saves_again_afterwards() -> None:
    away, kept = True, list[bytes]()

    async def write(partial: bytes) -> bool:
        if away:
            raise UnavailableError("DATABASE_UNAVAILABLE", "The job database does not answer.")
        kept.append(partial)
        return True

    attempt = _attempt(write)
    await attempt.save_partial(b"one")
    away = False
    await attempt.save_partial(b"two")
    assert kept == [b"two"]
    assert not attempt.stop_requested


async def test_an_attempt_whose_save_is_refused_has_lost_its_job_and_stops() -> None:
    async def write(_partial: bytes) -> bool:
        return False

    attempt = _attempt(write)
    attempt.stop(StopReason.SHUTDOWN)
    with pytest.raises(Stopped):
        await attempt.save_partial(b"late")
    assert attempt.lost
