"""Parts go away and come back; what was accepted is made."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client import REGISTRY
from pydantic import SecretStr

from atelier.image.v1 import image_pb2
from atelier.jobs.v1 import job_pb2
from tests.service.image.image_mesh import LONG, SMALL, ImageMesh, Owner, image_mesh
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server
from tests.support.wait import eventually


def counted(name: str, **labels: str) -> float:
    """The sum of a counter over all series that have these labels."""
    return sum(
        sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@asynccontextmanager
async def drawn_and_not_stored(mesh: ImageMesh, owner: Owner) -> AsyncIterator[image_pb2.Image]:
    """A picture that a worker keeps while storage is away."""
    before = counted("atelier_store_retries_total", kind="image")
    await mesh.storage.stop()
    accepted = await owner.generate(**SMALL)

    def refused() -> bool:
        return counted("atelier_store_retries_total", kind="image") >= before + 2

    await eventually(refused, 60, "storage was asked again and again")
    try:
        yield accepted
    finally:
        await mesh.storage.start()


async def test_a_picture_that_cannot_be_stored_is_retained_and_not_drawn_again(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    steps = counted("atelier_denoising_steps_total", kind="image")
    async with drawn_and_not_stored(mesh, ada) as accepted:
        waiting = await ada.get(accepted.id)
        assert waiting.state == job_pb2.RUNNING
    image = await ada.made(accepted.id)
    assert (image.state, image.attempt) == (job_pb2.SUCCEEDED, 1)
    assert counted("atelier_denoising_steps_total", kind="image") - steps == SMALL["steps"]
    assert (await ada.content(image.id))[0]


async def test_a_picture_that_waits_for_storage_can_be_cancelled(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    async with drawn_and_not_stored(mesh, ada) as accepted:
        await ada.cancel(accepted.id)
        assert (await ada.made(accepted.id)).state == job_pb2.CANCELED


async def test_a_worker_that_ends_gives_back_what_it_could_not_store(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    async with drawn_and_not_stored(mesh, ada) as accepted:
        await mesh.worker.stop()
        assert (await ada.get(accepted.id)).state == job_pb2.QUEUED
    await mesh.worker.start()
    image = await ada.made(accepted.id)
    assert (image.state, image.attempt) == (job_pb2.SUCCEEDED, 2)


async def test_a_job_that_storage_takes_nothing_of_for_long_goes_back_without_a_fault(
    s3_server: S3Server, nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = {"store_patience_s": 0.0}
    async with image_mesh(
        s3_server, nats_server, tmp_path, api_settings={"max_attempts": 1}, worker_settings=settings
    ) as mesh:
        ada = await mesh.owner()
        await mesh.worker.start()
        await mesh.storage.stop()
        accepted = await ada.generate(**SMALL)

        async def tried_more_often_than_faults_are_allowed() -> bool:
            return (await ada.get(accepted.id)).attempt >= 2

        await eventually(tried_more_often_than_faults_are_allowed, 60)
        await mesh.storage.start()
        assert (await ada.made(accepted.id)).state == job_pb2.SUCCEEDED


async def test_a_submit_succeeds_while_the_broker_is_down(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    mesh.nats.kill()
    accepted = await ada.generate(**SMALL)
    assert accepted.state == job_pb2.QUEUED
    mesh.nats.start()
    assert (await ada.made(accepted.id)).state == job_pb2.SUCCEEDED


async def test_jobs_wait_for_the_first_worker(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    accepted = [await ada.generate(**SMALL) for _ in range(3)]
    await idle_mesh.worker.start()
    images = await asyncio.gather(*(ada.made(image.id) for image in accepted))
    assert [image.state for image in images] == [job_pb2.SUCCEEDED] * 3


async def test_a_worker_that_is_stopped_releases_its_job(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    image = await ada.running((await ada.generate(**LONG)).id)
    await mesh.worker.stop()
    given_back = await ada.get(image.id)
    assert (given_back.state, given_back.attempt) == (job_pb2.QUEUED, 1)
    changed = await ada.update(image.id, **SMALL)
    await mesh.worker.start()
    made = await ada.made(changed.id)
    assert made.state == job_pb2.SUCCEEDED
    await mesh.settled(ada, made)


async def test_the_api_comes_back_to_what_it_knew(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    image = await ada.made((await ada.generate(**SMALL)).id)
    await mesh.api.stop()
    await mesh.api.start()
    assert await ada.get(image.id) == image


async def test_a_picture_is_drawn_once_while_the_service_is_unavailable_and_stored_afterwards(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    steps = counted("atelier_denoising_steps_total", kind="image")
    accepted = await ada.running((await ada.generate(**{**SMALL, "steps": 200})).id)
    await mesh.api.stop()

    def drawn() -> bool:
        return counted("atelier_denoising_steps_total", kind="image") - steps >= 200

    await eventually(drawn, 60, "the worker goes on without the service")
    await asyncio.sleep(4)  # the fault itself: away for longer than the lease
    await mesh.api.start()
    image = await ada.made(accepted.id)
    assert (image.state, image.attempt) == (job_pb2.SUCCEEDED, 1)
    assert counted("atelier_denoising_steps_total", kind="image") - steps == 200
    assert (await ada.content(image.id))[0]


async def test_a_worker_with_a_wrong_secret_does_no_job_and_does_not_end(
    s3_server: S3Server, nats_server: NatsServer, tmp_path: Path
) -> None:
    wrong = {"service_secret": SecretStr("not the secret of any worker")}
    async with image_mesh(s3_server, nats_server, tmp_path, worker_settings=wrong) as mesh:
        ada = await mesh.owner()
        await mesh.worker.start()
        accepted = await ada.generate(**SMALL)
        await asyncio.sleep(2.5)  # more than two tries of the worker
        assert (await ada.get(accepted.id)).state == job_pb2.QUEUED
        await mesh.worker.stop()
