"""What an SRE sees of the job plane."""

from prometheus_client import REGISTRY

from atelier_jobs.domain.job import Failure
from tests.ports.jobs.plane import Plane


def _value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"atelier_jobs_{name}", labels) or 0.0


async def test_queue_waits_retries_and_failures_are_counted(plane: Plane) -> None:
    kind = plane.database.engine.dialect.name  # a kind of its own, so that no other test counts
    names = {
        "submitted_total": {}, "wait_seconds_count": {}, "retries_total": {}, "ended_total": {"state": "FAILED"},
        "failures_total": {"reason": "BROKEN"},
    }  # fmt: skip
    assert not any(_value(name, kind=kind, **labels) for name, labels in names.items())
    job = await plane.submit(kind=kind, max_attempts=2)
    await plane.submit(kind=kind)
    await plane.claims.release(await plane.claim(job))
    await plane.claims.fail(await plane.claim(await plane.again(job)), Failure("BROKEN", "It broke."), retryable=False)
    await plane.jobs.queue_counts(kind)
    counted = {name: _value(name, kind=kind, **labels) for name, labels in names.items()}
    assert list(counted.values()) == [2, 2, 1, 1, 1]
    assert _value("queued", kind=kind) == 1
