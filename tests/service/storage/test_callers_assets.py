"""The image service's port to the caller's files: on a running storage, and on the fake of its unit tests."""

from collections.abc import AsyncIterator

import pytest

from atelier_artifacts.adapters.storage import StorageAssets
from atelier_image.adapters.callers_assets import CallersStoredAssets
from atelier_image.domain.inputs import CallersAssets
from atelier_service.channel import open_channel
from atelier_service.errors import NotFoundError
from tests.service.storage.conftest import SIGNER, Storage
from tests.unit.image.callers_files import CallersFiles
from tests.unit.storage import pictures

LATENT = pictures.latent(64, 48)
CONTENT_TYPE = "application/vnd.safetensors"


async def adas_token() -> str:
    return SIGNER.token("ada")


@pytest.fixture(params=["storage", "memory"])
async def assets(request: pytest.FixtureRequest, storage: Storage) -> AsyncIterator[tuple[CallersAssets, str, str]]:
    """The port, the id of a latent of ada's, and the id of a file that is another caller's."""
    if request.param == "memory":
        yield CallersFiles({"latent": (CONTENT_TYPE, LATENT)}), "latent", "bobs"
        return
    mine, other = await storage.caller("ada").upload(LATENT), await storage.caller("bob").upload(LATENT)
    async with open_channel(storage.address, token=adas_token) as channel:
        yield CallersStoredAssets(StorageAssets(channel, channel)), mine.id, other.id


async def test_a_file_has_a_type_a_size_and_a_digest(assets: tuple[CallersAssets, str, str]) -> None:
    port, latent, _ = assets
    facts = await port.facts(latent)
    assert (facts.content_type, facts.size_bytes) == (CONTENT_TYPE, len(LATENT))
    assert facts.sha256


@pytest.mark.parametrize("length", [8, 100, len(LATENT), 10 * len(LATENT)])
async def test_the_head_of_a_file_is_its_first_bytes(assets: tuple[CallersAssets, str, str], length: int) -> None:
    port, latent, _ = assets
    assert await port.head(latent, length) == LATENT[:length]


async def test_another_callers_file_is_not_found(assets: tuple[CallersAssets, str, str]) -> None:
    port, _, other = assets
    with pytest.raises(NotFoundError):
        await port.facts(other)
    with pytest.raises(NotFoundError):
        await port.head(other, 8)
