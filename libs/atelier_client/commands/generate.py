"""`atelier generate`."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from atelier_client.command import Json
from atelier_client.console import as_dict, progress, result, result_json, say

if TYPE_CHECKING:
    from atelier.events.v1.events_pb2 import GenerationProgress
    from atelier_client.async_client import AsyncClient
    from atelier_client.image import AsyncImage
    from atelier_client.parameters import Parameters

_FORMATS = {".png": "PNG", ".webp": "WEBP", ".jpg": "JPEG", ".jpeg": "JPEG"}
_SUFFIXES = {"image/png": ".png", "image/webp": ".webp", "image/jpeg": ".jpg"}
# Seconds that cancelling may take after Ctrl-C.
_CANCEL_S = 5.0


async def generate(
    client: "AsyncClient",
    prompt: Annotated[str, Argument(help="What the picture should show.")],
    output: Annotated[
        Path | None,
        Option("--output", "-o", help="File (ID.png); several become out-0.png, out-1.png …"),
    ] = None,
    negative: Annotated[str | None, Option(help="What it should not show.")] = None,
    model: Annotated[str | None, Option(help="Id of a model; `atelier models` lists them.")] = None,
    width: Annotated[int | None, Option(help="Width in pixels, a multiple of 8.")] = None,
    height: Annotated[int | None, Option(help="Height in pixels, a multiple of 8.")] = None,
    steps: Annotated[int | None, Option(help="Denoising steps, 1 to 200.")] = None,
    guidance: Annotated[float | None, Option(help="Guidance scale, 1 (none) to 30.")] = None,
    seed: Annotated[int | None, Option(help="Seed; the same one makes the same picture.")] = None,
    scheduler: Annotated[str | None, Option(help="ddim, euler, euler-ancestral or dpmpp-2m.")] = None,
    count: Annotated[int | None, Option(help="How many pictures, 1 to 8.")] = None,
    output_format: Annotated[
        str | None, Option("--format", help="png, webp or jpeg; by default what the file's name says.")
    ] = None,
    metadata: Annotated[list[str] | None, Option(metavar="K=V", help="A label of your own; may be repeated.")] = None,
    wait: Annotated[bool, Option("--wait/--no-wait", help="Wait for the picture, or only say its id.")] = True,
    json: Json = False,
) -> None:
    """Makes a picture from a prompt. Ctrl-C cancels it."""
    if output is not None and wait:
        _check(output)
    given = {
        "negative_prompt": negative,
        "model": model,
        "width_px": width,
        "height_px": height,
        "steps": steps,
        "guidance_scale": guidance,
        "seed": seed,
        "scheduler": scheduler,
        "count": count,
        "output_format": output_format or _format_of(output),
        "metadata": dict(_label(text) for text in metadata or []),
    }
    parameters: Parameters = {name: value for name, value in given.items() if value is not None}  # type: ignore[assignment]
    # A task of its own: interrupted at this moment, we still learn which image to cancel.
    submission = asyncio.ensure_future(client.generate(prompt, wait=False, **parameters))
    try:
        image = await asyncio.shield(submission)
        if wait:
            image = await _follow(image)
    except asyncio.CancelledError:
        await _abandon(submission)
        raise
    image.raise_for_state()
    paths: list[Path] = []
    if wait:
        if output is None:
            output = Path(image.id + _SUFFIXES.get(image.outputs[0].content_type, ""))
        paths = await image.save_all(output)
    if json:
        result_json({**as_dict(image.message), "files": [str(path) for path in paths]})
        return
    for line in [str(path) for path in paths] or [image.id]:
        result(line)


async def _follow(image: "AsyncImage") -> "AsyncImage":
    """Shows how it goes, until the end."""
    from atelier.jobs.v1 import job_pb2

    with progress() as shown:
        while not image.finished:
            async for event in image.watch():
                kind = event.WhichOneof("payload")
                if kind in ("snapshot", "generation_progress"):
                    told: GenerationProgress = getattr(event, kind)
                    shown.show(job_pb2.State.Name(told.state), told.progress.step, told.progress.steps)
            image = await image.refresh()
    return image


async def _abandon(submission: "asyncio.Future[AsyncImage]") -> None:
    """Cancels what was submitted, and says whether that went well."""
    from atelier_client.errors import AtelierApiError

    try:
        async with asyncio.timeout(_CANCEL_S):
            image = await (await submission).cancel()
    except (AtelierApiError, TimeoutError) as error:
        say(f"atelier: interrupted; the image could not be cancelled: {error or 'no answer'}")
    else:
        say(f"atelier: interrupted; image {image.id} is {image.state}")


def _check(output: Path) -> None:
    """Raises OSError before anything is made when its file could not be written."""
    if output.is_dir():
        raise IsADirectoryError(21, "is a folder", str(output))
    if not output.parent.is_dir():
        raise FileNotFoundError(2, "no such folder", str(output.parent))
    if not os.access(output.parent, os.W_OK) or (output.exists() and not os.access(output, os.W_OK)):
        raise PermissionError(13, "cannot be written", str(output))


def _format_of(output: Path | None) -> str | None:
    """The format that the file's name asks for; None to leave it to the mesh. Raises ValueError for another kind."""
    if output is None or not output.suffix or output.is_char_device():
        return None
    found = _FORMATS.get(output.suffix.lower())
    if found is None:
        raise ValueError(f"{output.name} says no known format: end it in {', '.join(_FORMATS)}, or give --format")
    return found


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"--metadata {text!r} is not of the form k=v")
    return name, value
