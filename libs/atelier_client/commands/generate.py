"""`atelier generate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from atelier_client.command import Json
from atelier_client.commands.drawing import (
    Guidance,
    Height,
    Labels,
    Model,
    Negative,
    Scheduler,
    Steps,
    Width,
    answer,
    check,
    drawn,
    format_of,
    given,
)

if TYPE_CHECKING:
    from atelier_client.async_client import AsyncClient

_FORMATS = {".png": "PNG", ".webp": "WEBP", ".jpg": "JPEG", ".jpeg": "JPEG"}
_SUFFIXES = {"image/png": ".png", "image/webp": ".webp", "image/jpeg": ".jpg"}


async def generate(
    client: "AsyncClient",
    prompt: Annotated[str, Argument(help="What the picture should show.")],
    output: Annotated[
        Path | None,
        Option("--output", "-o", help="File (ID.png); several become out-0.png, out-1.png …"),
    ] = None,
    negative: Negative = None,
    model: Model = None,
    width: Width = None,
    height: Height = None,
    steps: Steps = None,
    guidance: Guidance = None,
    seed: Annotated[int | None, Option(help="Seed; the same one makes the same picture.")] = None,
    scheduler: Scheduler = None,
    count: Annotated[int | None, Option(help="How many pictures, 1 to 8.")] = None,
    output_format: Annotated[
        str | None, Option("--format", help="png, webp or jpeg; by default what the file's name says.")
    ] = None,
    metadata: Labels = None,
    wait: Annotated[bool, Option("--wait/--no-wait", help="Wait for the picture, or only say its id.")] = True,
    json: Json = False,
) -> None:
    """Makes a picture from a prompt. Ctrl-C cancels it."""
    if output is not None and wait:
        check(output)
    parameters = given(
        negative_prompt=negative,
        model=model,
        width_px=width,
        height_px=height,
        steps=steps,
        guidance_scale=guidance,
        seed=seed,
        scheduler=scheduler,
        count=count,
        output_format=output_format or format_of(output, _FORMATS),
        metadata=metadata,
    )
    image = await drawn(client.generate(prompt, wait=False, **parameters), wait=wait)
    files: list[Path] = []
    if wait:
        if output is None:
            output = Path(image.id + _SUFFIXES.get(image.outputs[0].content_type, ""))
        files = await image.save_all(output)
    answer(image, files, json=json)
