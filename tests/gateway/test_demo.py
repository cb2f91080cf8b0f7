"""What the launcher asks for through REST, and how it tells what went wrong."""

from pathlib import Path

import pytest

from atelier_mesh.address import Address
from atelier_mesh.demo import CLIP, make_clip
from atelier_mesh.door import Door, NotMadeError
from tests.gateway.mesh import Gateway, Upstream, free_port
from tests.gateway.services import CONTENT

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def address(gateway: Gateway) -> Address:
    return Address(gateway.url, gateway.url.removeprefix("http://"), "atl_ada_secret")


async def why(address: Address, prompt: str, timeout_s: float = 20) -> str:
    """What is told of a picture that is not made."""
    async with Door.open(address) as door:
        with pytest.raises(NotMadeError) as told:
            await door.make("/api/v1/images/generate", {"prompt": prompt}, timeout_s)
    return str(told.value)


async def test_a_clip_that_takes_its_time_is_followed_to_its_end_and_saved_with_its_sheet(
    address: Address, upstream: Upstream, tmp_path: Path
) -> None:
    clip, sheet = tmp_path / "demo/clip.mp4", tmp_path / "demo/clip-sheet.jpg"

    await make_clip(address, clip, sheet)

    assert upstream.videos.parameters.prompt == CLIP["prompt"]
    assert clip.read_bytes() == sheet.read_bytes() == CONTENT


async def test_what_a_service_refuses_is_told_in_its_words(address: Address) -> None:
    assert await why(address, "queue full") == "HTTP 429: the queue is full"


async def test_a_mesh_that_is_not_there_is_told_with_its_address() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"

    assert nowhere in await why(Address(nowhere, "", "atl_ada_secret"), "x")


async def test_what_takes_too_long_is_told_with_how_it_stands(address: Address) -> None:
    # The image service of these tests never ends a picture, and its stream of events is quiet.
    assert "it is QUEUED after 0.5 s" in await why(address, "quiet", 0.5)
