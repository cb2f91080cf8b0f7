"""Latents, as the image worker and callers store them."""

from tests.service.storage.conftest import Storage
from tests.unit.storage import pictures


async def test_a_latent_is_taken_as_what_it_is_and_has_the_size_of_its_picture(storage: Storage) -> None:
    data = pictures.latent(64, 48)
    for asset in (await storage.caller().upload(data, filename="later.bin"), await storage.worker().store(data, "l")):
        assert (asset.content_type, asset.width_px, asset.height_px) == ("application/vnd.safetensors", 64, 48)
    content = await storage.caller().content(asset.id)
    assert (content.data, content.content_type) == (data, "application/vnd.safetensors")


async def test_its_header_is_read_alone(storage: Storage) -> None:
    data = pictures.latent(64, 48)
    asset = await storage.caller().upload(data)
    assert (await storage.caller().content(asset.id, range="bytes=0-99")).data == data[:100]


async def test_a_latent_without_a_name_gets_the_usual_extension(storage: Storage) -> None:
    asset = await storage.caller().upload(pictures.latent())
    content = await storage.caller().content(asset.id)
    assert content.headers["content-disposition"] == f'inline; filename="{asset.id}.safetensors"'
