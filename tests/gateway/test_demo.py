"""The launcher's demonstration through the client library, and how it reports what went wrong."""

from pathlib import Path

import pytest

from atelier_mesh.demo import CLIP, NotMadeError, make_clip, make_picture
from atelier_mesh.state_folder import Address
from tests.gateway.mesh import Gateway, Upstream, free_port
from tests.gateway.services import CONTENT

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def address(gateway: Gateway) -> Address:
    return Address(gateway.url, gateway.url.removeprefix("http://"), "atl_ada_secret")


async def why(address: Address, prompt: str, timeout_s: float = 20) -> str:
    """What is reported of a picture that is not made."""
    with pytest.raises(NotMadeError) as reported:
        await make_picture(address, Path("/nowhere/picture.png"), prompt, timeout_s)
    return str(reported.value)


async def test_a_clip_that_takes_its_time_is_followed_to_its_end_and_saved_with_its_sheet(
    address: Address, upstream: Upstream, tmp_path: Path
) -> None:
    clip, sheet = tmp_path / "demo/clip.mp4", tmp_path / "demo/clip-sheet.jpg"

    await make_clip(address, clip, sheet)

    assert upstream.videos.parameters.prompt == CLIP
    assert clip.read_bytes() == sheet.read_bytes() == CONTENT


async def test_an_error_is_reported_with_the_message_of_the_service(address: Address) -> None:
    assert (await why(address, "queue full")).startswith("the queue is full (QUEUE_FULL)")


async def test_a_mesh_that_does_not_run_is_reported_with_its_address() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"

    assert nowhere in await why(Address(nowhere, "", "atl_ada_secret"), "x")


async def test_a_job_that_takes_too_long_is_reported_with_its_state(address: Address) -> None:
    # The image service of these tests never ends this picture, and its stream of events is quiet.
    assert "it is QUEUED after 0.5 s" in await why(address, "quiet", 0.5)
