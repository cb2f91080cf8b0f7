"""Requests that name what a sampler takes, as the API answers them by itself: nothing here is drawn."""

from typing import Any

import grpc.aio
import pytest

from atelier.image.v1 import image_pb2
from atelier.storage.v1 import storage_pb2
from tests.service.image.image_mesh import SMALL, ImageMesh
from tests.service.owner import answer_to, refusal
from tests.unit.image.demo_latents import demo_latent
from tests.unit.storage import pictures

ECHOED = {
    "denoise": 0.5, "sigmas": image_pb2.DDIM_UNIFORM, "outputs": [image_pb2.PICTURE, image_pb2.LATENT],
    "wide_seed": 2**64 - 1, "add_noise": False,
}  # fmt: skip


async def refused(call: Any) -> tuple[str, str, list[str]]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return refusal(caught.value)


async def test_given_parameters_are_echoed_and_the_others_get_defaults(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    picture, mask = [await ada.upload(pictures.png(64, 64, colour), "image/png") for colour in ("red", "white")]
    image = await ada.generate(**SMALL | ECHOED, init_image_asset_id=picture, mask_asset_id=mask)
    parameters = image.parameters
    assert (parameters.init_image_asset_id, parameters.mask_asset_id) == (picture, mask)
    assert (parameters.denoise, parameters.sigmas, parameters.wide_seed) == (0.5, image_pb2.DDIM_UNIFORM, 2**64 - 1)
    assert (parameters.start_step, parameters.end_step, parameters.add_noise, parameters.keep_noise) == (
        0,
        2,
        False,
        True,
    )
    assert not parameters.HasField("seed")
    again = await ada.again(image)
    assert again.parameters == parameters


async def test_a_plain_request_is_a_whole_schedule(idle_mesh: ImageMesh) -> None:
    parameters = (await (await idle_mesh.owner()).generate(**SMALL)).parameters
    assert (parameters.denoise, parameters.start_step, parameters.end_step) == (1.0, 0, 2)
    assert (list(parameters.outputs), parameters.HasField("wide_seed")) == ([image_pb2.PICTURE], False)


@pytest.mark.parametrize(
    ("fields", "reason", "wrong"),
    [
        ({"denoise": 0.0}, "INVALID_FIELD", "denoise"),
        ({"denoise": 1.5}, "INVALID_FIELD", "denoise"),
        ({"denoise": float("nan")}, "INVALID_FIELD", "denoise"),
        ({"denoise": 0.001}, "INVALID_STEPS", "denoise"),
        ({"start_step": 3}, "INVALID_STEPS", "start_step"),
        ({"end_step": 3}, "INVALID_STEPS", "end_step"),
        ({"start_step": 201}, "INVALID_FIELD", "start_step"),
        ({"start_step": 1, "end_step": 1}, "INVALID_STEPS", "end_step"),
        ({"outputs": [1, 1]}, "INVALID_FIELD", "outputs"),
        ({"outputs": [0]}, "INVALID_FIELD", "outputs[0]"),
        ({"outputs": [7]}, "INVALID_FIELD", "outputs[0]"),
        ({"sigmas": 99}, "INVALID_FIELD", "sigmas"),
        ({"sigmas": "KARRAS", "scheduler": "DDIM"}, "INVALID_SIGMAS", "sigmas"),
        ({"seed": 1, "wide_seed": 1}, "INVALID_SEED", "wide_seed"),
        ({"init_image_asset_id": "x" * 65}, "INVALID_FIELD", "init_image_asset_id"),
    ],
)
async def test_a_wrong_field_is_named(idle_mesh: ImageMesh, fields: dict[str, Any], reason: str, wrong: str) -> None:
    ada = await idle_mesh.owner()
    assert await refused(ada.generate(**SMALL | fields)) == ("INVALID_ARGUMENT", reason, [wrong])


@pytest.mark.parametrize("field", ["init_image_asset_id", "init_latent_asset_id", "mask_asset_id"])
async def test_an_asset_of_another_owner_is_like_a_missing_one(idle_mesh: ImageMesh, field: str) -> None:
    ada, bob = await idle_mesh.owner("ada"), await idle_mesh.owner("bob")
    data = demo_latent(64, 64) if "latent" in field else pictures.png()
    hers = await ada.upload(data, "image/png")
    never = "0" * len(hers)
    answers = [await answer_to(bob.generate(**SMALL | {field: each}), each) for each in (hers, never)]
    assert answers[0] == answers[1]
    assert await refused(bob.generate(**SMALL | {field: never})) == ("NOT_FOUND", "ASSET_NOT_FOUND", [field])
    image = await bob.generate(**SMALL)
    update = bob.update(image.id, **SMALL | {field: hers})
    assert await refused(update) == ("NOT_FOUND", "ASSET_NOT_FOUND", [field])


async def test_assets_of_another_kind_are_refused_with_their_field(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    picture = await ada.upload(pictures.png(), "image/png")
    clip = await ada.upload(pictures.mp4(), "video/mp4")
    latent = await ada.upload(demo_latent(64, 64), "application/octet-stream")
    cases = [
        ({"init_latent_asset_id": picture}, "NOT_A_LATENT"),
        ({"init_image_asset_id": latent}, "NOT_A_PICTURE"),
        ({"init_image_asset_id": clip}, "NOT_A_PICTURE"),
    ]
    for fields, reason in cases:
        assert await refused(ada.generate(**SMALL | fields)) == ("INVALID_ARGUMENT", reason, list(fields))
    both = {"init_image_asset_id": picture, "init_latent_asset_id": latent}
    assert (await refused(ada.generate(**SMALL | both)))[1:] == ("INVALID_INPUTS", ["init_latent_asset_id"])
    assert (await refused(ada.generate(**SMALL, mask_asset_id=picture)))[1:] == ("INVALID_INPUTS", ["mask_asset_id"])


@pytest.mark.parametrize(("width_px", "height_px", "family"), [(64, 96, ""), (64, 64, "sd15")])
async def test_a_latent_of_another_size_or_family_is_refused(
    idle_mesh: ImageMesh, width_px: int, height_px: int, family: str
) -> None:
    ada = await idle_mesh.owner()
    latent = await ada.upload(demo_latent(width_px, height_px, family=family), "application/octet-stream")
    call = ada.generate(**SMALL, init_latent_asset_id=latent)
    assert await refused(call) == ("INVALID_ARGUMENT", "INVALID_LATENT", ["init_latent_asset_id"])


async def test_a_repeat_returns_the_first_image_also_when_its_asset_is_gone(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    picture = await ada.upload(pictures.png(), "image/png")
    first = await ada.generate(**SMALL, init_image_asset_id=picture, request_id="k")
    await ada.assets.DeleteAsset(storage_pb2.DeleteAssetRequest(id=picture), metadata=ada.metadata)
    assert (await ada.generate(**SMALL, init_image_asset_id=picture, request_id="k")).id == first.id


async def test_the_catalogue_has_the_latent_family_of_a_model(idle_mesh: ImageMesh) -> None:
    model = await (await idle_mesh.owner()).model("Get", "demo-image")
    assert (model.latents.family, model.latents.channels, model.latents.cell_px) == ("kl-12x16-1", 12, 16)
