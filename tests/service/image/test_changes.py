"""Stopping, changing and removing images, at every stage."""

from atelier.jobs.v1 import job_pb2
from tests.service.image.image_mesh import LONG, SMALL, ImageMesh
from tests.support.wait import eventually


async def test_an_image_that_waits_is_canceled_at_once(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    image = await ada.generate(**SMALL)
    assert (await ada.cancel(image.id)).state == job_pb2.CANCELED
    assert (await ada.cancel(image.id)).state == job_pb2.CANCELED


async def test_an_image_that_is_drawn_stops(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    image = await ada.running((await ada.generate(**LONG)).id)
    assert (await ada.cancel(image.id)).state in (job_pb2.CANCELING, job_pb2.CANCELED)
    image = await ada.made(image.id)
    assert image.state == job_pb2.CANCELED
    assert image.progress.step < image.progress.steps / 2
    assert (await ada.cancel(image.id)).state == job_pb2.CANCELED
    await mesh.settled(ada)


async def test_an_image_that_waits_for_the_device_stops_before_the_one_that_draws(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    drawn = await ada.running((await ada.generate(**LONG)).id)
    waits = await ada.generate(**LONG)

    async def is_held() -> bool:
        return (await ada.get(waits.id)).state == job_pb2.RUNNING

    await eventually(is_held)
    await ada.cancel(waits.id)
    assert (await ada.made(waits.id)).state == job_pb2.CANCELED
    assert (await ada.get(drawn.id)).state == job_pb2.RUNNING
    await ada.cancel(drawn.id)
    await ada.made(drawn.id)


async def test_a_finished_image_stands_as_it_is(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    image = await ada.made((await ada.generate(**SMALL)).id)
    assert await ada.cancel(image.id) == image


async def test_an_image_that_waits_takes_new_parameters(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    image = await ada.generate(**SMALL)
    updated = await ada.update(image.id, **SMALL | {"prompt": "a green square"})
    assert (updated.id, updated.revision, updated.state) == (image.id, 1, job_pb2.QUEUED)
    assert updated.parameters.prompt == "a green square"
    await idle_mesh.worker.start()
    assert (await ada.made(image.id)).state == job_pb2.SUCCEEDED


async def test_a_finished_image_is_made_anew(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    first = await ada.made((await ada.generate(**SMALL, seed=1)).id)
    updated = await ada.update(first.id, **SMALL, seed=2)
    assert (updated.revision, updated.state, list(updated.outputs)) == (2, job_pb2.QUEUED, [])
    second = await ada.made(first.id)
    assert (second.state, second.revision) == (job_pb2.SUCCEEDED, 2)
    assert second.outputs[0].sha256 != first.outputs[0].sha256
    await mesh.settled(ada, second)


async def test_an_image_that_is_drawn_is_made_anew(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    image = await ada.running((await ada.generate(**LONG)).id)
    assert (await ada.update(image.id, **SMALL)).revision == 2
    made = await ada.made(image.id)
    assert (made.state, made.revision, made.parameters.count) == (job_pb2.SUCCEEDED, 2, 1)
    await mesh.settled(ada, made)


async def test_a_deleted_image_is_gone_with_its_files(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    image = await ada.made((await ada.generate(**SMALL)).id)
    assert await ada.asset_ids()
    await ada.delete(image.id)
    assert not (await ada.page()).images
    await mesh.settled(ada)


async def test_an_image_that_is_drawn_can_be_deleted(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    image = await ada.running((await ada.generate(**LONG)).id)
    await ada.delete(image.id)
    after = await ada.made((await ada.generate(**SMALL)).id)
    assert after.state == job_pb2.SUCCEEDED, "the device is free again"
    await mesh.settled(ada, after)
