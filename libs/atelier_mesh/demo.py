"""The demonstration: a picture, a second one drawn over it, and a clip, with the demo models and the client library."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from atelier_client import AsyncClient, AsyncImage, AsyncVideo, AtelierApiError, RetryPolicy
from atelier_mesh.state_folder import Address

PICTURE = "a red circle on a blue background"
RECOLOURED = "a yellow circle on a blue background"
CLIP = "a red ball moving right on a white background"
_SEED = 1
# The share of the first picture that is redrawn: enough for another colour, too little for another shape.
_DENOISE = 0.6
# Seconds. A picture takes one, a clip up to half a minute on two cores; other jobs may be queued before them.
_PICTURE_S = 90.0
_CLIP_S = 300.0
# A mesh that is busy for longer is reported at once.
_RETRY = RetryPolicy(attempts=3, longest_wait_s=5.0)

J = TypeVar("J", AsyncImage, AsyncVideo)


class NotMadeError(Exception):
    """The mesh did not produce a picture or clip; the message is the reason."""


async def make_picture(address: Address, target: Path, prompt: str = PICTURE, timeout_s: float = _PICTURE_S) -> str:
    """Makes a picture and writes it to `target`, whose folder is created.

    Returns:
        The trace id of the request.

    Raises:
        NotMadeError: The picture failed or did not end within `timeout_s` seconds; an accepted job continues then.
        OSError: `target` cannot be written.
    """
    async with AsyncClient(address.url, address.api_key, retry=_RETRY) as client:
        image = await _end(client.generate(prompt, wait=False, seed=_SEED), timeout_s)
        await _save(image.save, target)
    return image.trace_id


async def recolour(address: Address, picture: Path, target: Path) -> str:
    """Draws another colour over the picture in `picture`. Returns and raises as `make_picture` does."""
    async with AsyncClient(address.url, address.api_key, retry=_RETRY) as client:
        try:
            asset = await client.upload(picture)
        except AtelierApiError as error:
            raise NotMadeError(str(error)) from error
        submitted = client.generate(RECOLOURED, wait=False, seed=_SEED, init_image=asset.id, denoise=_DENOISE)
        image = await _end(submitted, _PICTURE_S)
        await _save(image.save, target)
    return image.trace_id


async def make_clip(address: Address, target: Path, sheet: Path) -> str:
    """Makes a clip in `target` and its contact sheet in `sheet`. Returns and raises as `make_picture` does."""
    async with AsyncClient(address.url, address.api_key, retry=_RETRY) as client:
        video = await _end(client.generate_video(CLIP, wait=False, seed=_SEED), _CLIP_S)
        await _save(video.save, target)
        await _save(video.save, sheet, "CONTACT_SHEET")
    return video.trace_id


async def make_demo(address: Address, folder: Path, report: Callable[[str], None]) -> dict[str, str]:
    """Makes pictures and a clip below `folder`; `report` is called with progress. Returns the path of each file.

    Raises NotMadeError, OSError.
    """
    picture, recoloured = folder / "picture.png", folder / "recoloured.png"
    clip, sheet = folder / "clip.mp4", folder / "clip-sheet.jpg"
    report(f'Making a picture, "{PICTURE}" ...')
    await make_picture(address, picture)
    report(f'Drawing over it, "{RECOLOURED}" ...')
    await recolour(address, picture, recoloured)
    report(f'Making a clip, "{CLIP}"; it may take half a minute ...')
    await make_clip(address, clip, sheet)
    return {"Picture": str(picture), "Recoloured": str(recoloured), "Clip": str(clip), "Contact sheet": str(sheet)}


async def _end(submit: Awaitable[J], timeout_s: float) -> J:
    """Waits for the end of a job. Raises NotMadeError unless it has SUCCEEDED within `timeout_s` seconds."""
    job: J | None = None
    try:
        async with asyncio.timeout(timeout_s):
            job = await submit
            return await job.wait()
    except TimeoutError:
        state = f"it is {job.state}" if job else "there is no response"
        raise NotMadeError(f"{state} after {timeout_s:g} s; does a worker for it run? its log may say more") from None
    except AtelierApiError as error:
        raise NotMadeError(str(error)) from error


async def _save(save: Callable[..., Awaitable[Any]], target: Path, *what: str) -> None:
    await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
    try:
        await save(target, *what)
    except AtelierApiError as error:
        raise NotMadeError(str(error)) from error
