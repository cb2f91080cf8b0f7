"""Parts go away and come back; what was accepted is made."""

import asyncio

from atelier.jobs.v1 import job_pb2
from atelier_service.testing.wait import eventually
from tests.service.image.image_mesh import LONG, SMALL, ImageMesh


async def test_a_picture_is_stored_when_storage_is_back(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    await mesh.storage.stop()
    accepted = await ada.generate(**SMALL)

    async def drawn() -> bool:
        return (await ada.get(accepted.id)).state == job_pb2.RUNNING

    await eventually(drawn)
    await mesh.storage.start()
    image = await ada.made(accepted.id)
    assert image.state == job_pb2.SUCCEEDED
    assert (await ada.content(image.id))[0]


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


async def test_a_worker_that_is_asked_to_end_gives_its_job_back(mesh: ImageMesh) -> None:
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
