"""The caller's assets that a drawing begins with are looked up before it is accepted."""

import pytest

from atelier_diffusion.encoding.latent_header import CONTENT_TYPE
from atelier_image.domain.inputs import Input, InputName, looked_up
from atelier_service.errors import InvalidArgumentError, NotFoundError
from tests.unit.image.callers_files import CallersFiles
from tests.unit.image.latents import FILE, HEADER

FILES = CallersFiles({
    "png": ("image/png", b""), "webp": ("image/webp", b""), "clip": ("video/mp4", b""), "latent": (CONTENT_TYPE, FILE),
    "cut": (CONTENT_TYPE, FILE[:-1]),
})  # fmt: skip


async def test_what_is_found_has_its_digest_and_a_latent_its_header() -> None:
    found = await looked_up(FILES, {"init_latent": Input("latent"), "mask": Input("webp")})
    assert found == {
        "init_latent": Input("latent", "digest of latent", HEADER),
        "mask": Input("webp", "digest of webp"),
    }


@pytest.mark.parametrize("name", ["init_image", "init_latent", "mask"])
async def test_an_asset_that_the_caller_does_not_have_is_not_found_with_its_field(name: InputName) -> None:
    with pytest.raises(NotFoundError) as refused:
        await looked_up(FILES, {name: Input("another's")})
    assert (refused.value.reason, refused.value.fields[0].field) == ("ASSET_NOT_FOUND", f"{name}_asset_id")


@pytest.mark.parametrize(
    ("name", "asset_id", "reason"),
    [
        ("init_image", "clip", "NOT_A_PICTURE"),
        ("init_image", "latent", "NOT_A_PICTURE"),
        ("mask", "latent", "NOT_A_PICTURE"),
        ("init_latent", "png", "NOT_A_LATENT"),
        ("init_latent", "cut", "NOT_A_LATENT"),
    ],
)
async def test_an_asset_of_another_kind_is_refused_with_its_field(name: InputName, asset_id: str, reason: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        await looked_up(FILES, {name: Input(asset_id)})
    assert (refused.value.reason, refused.value.fields[0].field) == (reason, f"{name}_asset_id")
