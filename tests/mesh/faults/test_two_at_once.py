"""Two parts that fall at the same moment, and one that falls again and again."""

import os
import signal
import time

import httpx2
import pytest

from tests.mesh.faults.accepted import Accepted
from tests.mesh.faults.kinds import IMAGE
from tests.mesh.running_mesh import RunningMesh


@pytest.fixture
def accepted(faulty: RunningMesh, client: httpx2.Client) -> Accepted:
    return Accepted(faulty, client)


def test_a_worker_that_stands_still_while_its_api_is_killed_has_its_job_made_once(
    faulty: RunningMesh, accepted: Accepted
) -> None:
    job = accepted.submit(IMAGE, **IMAGE.long)
    accepted.until_midway(IMAGE, job)
    workers = [faulty.signal(name, signal.SIGSTOP) for name in IMAGE.workers]
    try:
        faulty.signal("atelier-image", signal.SIGKILL)
        time.sleep(8)  # the fault itself: the lease, and the time in which a new process takes none away
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    accepted.prove()
    accepted.proves_right(job)
    accepted.leaves_nothing_behind()


def test_an_api_that_is_killed_again_and_again_loses_no_job_and_ends_none_twice(
    faulty: RunningMesh, accepted: Accepted
) -> None:
    broker = faulty.signal("nats", signal.SIGSTOP)
    try:
        for number in range(12):
            accepted.submit(IMAGE, **IMAGE.short)
            if number % 3 == 0:
                faulty.signal("atelier-image", signal.SIGKILL)
    finally:
        os.kill(broker, signal.SIGCONT)
    accepted.prove()
    accepted.leaves_nothing_behind()
