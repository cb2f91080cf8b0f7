"""From a prompt to a picture."""

import hashlib
import io
from typing import Any

import grpc
import grpc.aio
import pytest
from PIL import Image as Pillow

from atelier.image.v1 import image_pb2
from atelier.jobs.v1 import job_pb2
from atelier.type.v1 import type_pb2
from atelier_diffusion.encoding.picture_file import read_parameters
from tests.service.image.image_mesh import SMALL, ImageMesh
from tests.service.owner import refusal


async def test_a_prompt_becomes_a_picture(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    accepted = await ada.generate(**SMALL)
    assert accepted.state == job_pb2.QUEUED
    image = await ada.made(accepted.id)
    assert image.state == job_pb2.SUCCEEDED, image.error
    assert (image.progress.step, image.progress.steps, image.progress.fraction) == (2, 2, 1.0)
    assert (image.revision, image.attempt, image.cached) == (1, 1, False)
    assert image.model_revision
    assert len(image.trace_id) == 32
    assert image.create_time.ToNanoseconds() <= image.start_time.ToNanoseconds() <= image.finish_time.ToNanoseconds()
    assert image.outputs[0].content_url == f"/api/v1/images/{image.id}/content?index=0"
    data, headers = await ada.content(image.id)
    assert Pillow.open(io.BytesIO(data)).size == (64, 64)
    assert headers["type"] == "image/png"
    assert hashlib.sha256(data).hexdigest() == image.outputs[0].sha256
    parameters = read_parameters(data)
    assert parameters is not None
    assert parameters["seed"] == image.parameters.seed


async def test_the_echo_makes_the_same_bytes_for_another_owner(mesh: ImageMesh) -> None:
    ada, bob = await mesh.owner("ada"), await mesh.owner("bob")
    first = await ada.made((await ada.generate(**SMALL, output_format=type_pb2.JPEG)).id)
    second = await bob.again(first)
    assert second.parameters == first.parameters
    second = await bob.made(second.id)
    assert not second.cached
    assert second.outputs[0].sha256 == first.outputs[0].sha256
    assert second.outputs[0].asset_id != first.outputs[0].asset_id


async def test_each_of_several_pictures_can_be_made_alone(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    three = await ada.made((await ada.generate(**SMALL, seed=4294967295, count=3)).id)
    assert [output.seed for output in three.outputs] == [4294967295, 0, 1]
    alone = await ada.made((await ada.generate(**SMALL, seed=1)).id)
    assert alone.outputs[0].sha256 == three.outputs[2].sha256


@pytest.mark.parametrize(("name", "kind"), [("WEBP", "webp"), ("JPEG", "jpeg")])
async def test_other_formats(mesh: ImageMesh, name: str, kind: str) -> None:
    ada = await mesh.owner()
    image = await ada.made((await ada.generate(**SMALL, output_format=name)).id)
    data, headers = await ada.content(image.id)
    assert headers["type"] == image.outputs[0].content_type == f"image/{kind}"
    with Pillow.open(io.BytesIO(data)) as picture:
        assert picture.format == kind.upper()


async def test_defaults_are_in_the_response(idle_mesh: ImageMesh) -> None:
    image = await (await idle_mesh.owner()).generate(prompt="a cat", metadata={"project": "cats"})
    told = image.parameters
    assert (told.model, told.width_px, told.height_px, told.steps) == ("demo-image", 256, 256, 12)
    assert (told.guidance_scale, told.count) == (2.5, 1)
    assert (told.scheduler, told.output_format) == (type_pb2.DDIM, type_pb2.PNG)
    assert dict(told.metadata) == {"project": "cats"}


async def test_no_seed_is_another_seed_every_time(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    seeds = {(await ada.generate(**SMALL)).parameters.seed for _ in range(3)}
    assert len(seeds) == 3


@pytest.mark.parametrize(("fields", "reason", "wrong"), [
    ({"model": "no-such"}, "UNKNOWN_MODEL", ["model"]),
    ({"width_px": 72}, "INVALID_SIZE", ["width_px"]),
    ({"width_px": 1024, "height_px": 1024}, "INVALID_SIZE", ["width_px", "height_px"]),
    ({"steps": 0}, "INVALID_FIELD", ["steps"]),
    ({"prompt": ""}, "INVALID_FIELD", ["prompt"]),
])  # fmt: skip
async def test_a_wrong_field_is_named(
    idle_mesh: ImageMesh, fields: dict[str, Any], reason: str, wrong: list[str]
) -> None:
    ada = await idle_mesh.owner()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ada.generate(**SMALL | fields)
    assert refusal(caught.value) == ("INVALID_ARGUMENT", reason, wrong)
    assert not (await ada.page()).images


async def test_the_error_of_a_full_queue_has_the_time_to_retry(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    for _ in range(3):
        await ada.generate(**SMALL)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ada.generate(**SMALL)
    assert refusal(caught.value)[:2] == ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")
    assert int(dict(caught.value.trailing_metadata() or ())["retry-after"]) > 0
    assert len((await ada.page()).images) == 3
    await (await idle_mesh.owner("bob")).generate(**SMALL)


async def sent_headers(mesh: ImageMesh, **headers: str) -> tuple[image_pb2.Image, dict[str, Any]]:
    ada = await mesh.owner()
    parameters = image_pb2.GenerationParameters(**SMALL)
    call = ada.call("Generate", headers=tuple(headers.items()), parameters=parameters)
    return await call, dict(await call.initial_metadata())


async def test_an_accepted_image_is_a_202_with_a_location(idle_mesh: ImageMesh) -> None:
    image, headers = await sent_headers(idle_mesh)
    assert headers["x-http-code"] == "202"
    assert headers["location"] == image.links.self == f"/api/v1/images/{image.id}"


async def test_who_prefers_to_wait_gets_the_picture(mesh: ImageMesh) -> None:
    image, headers = await sent_headers(mesh, prefer="wait=30")
    assert image.state == job_pb2.SUCCEEDED
    assert "x-http-code" not in headers
    assert headers["preference-applied"] == "wait=30"


async def test_who_has_waited_long_enough_gets_it_as_it_stands(idle_mesh: ImageMesh) -> None:
    image, headers = await sent_headers(idle_mesh, prefer="wait=1")
    assert image.state == job_pb2.QUEUED
    assert (headers["x-http-code"], headers["preference-applied"]) == ("202", "wait=1")


async def test_a_malformed_preference_is_ignored(idle_mesh: ImageMesh) -> None:
    image, headers = await sent_headers(idle_mesh, prefer="wait=soon")
    assert image.state == job_pb2.QUEUED
    assert "preference-applied" not in headers
