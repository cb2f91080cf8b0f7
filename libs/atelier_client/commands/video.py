"""`atelier video`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from atelier_client.command import Json
from atelier_client.commands.drawing import (
    Guidance,
    Height,
    Labels,
    Negative,
    Parent,
    Priority,
    Scheduler,
    Steps,
    VideoModel,
    Width,
    answer,
    check,
    drawn,
    format_of,
    given,
)
from atelier_client.standard_output import check_stdout, is_stdout, write_stdout

if TYPE_CHECKING:
    from atelier_client.async_client import AsyncClient

_CONTAINERS = {".mp4": "MP4", ".webm": "WEBM", ".gif": "GIF"}
_SUFFIXES = {"video/mp4": ".mp4", "video/webm": ".webm", "image/gif": ".gif"}


async def video(
    client: "AsyncClient",
    prompt: Annotated[str, Argument(help="What the clip should show.")],
    output: Annotated[Path | None, Option("--output", "-o", help="File (ID.mp4), - for standard output.")] = None,
    poster: Annotated[Path | None, Option(help="File for the frame in the middle, a PNG.")] = None,
    sheet: Annotated[Path | None, Option(help="File for nine frames on one sheet, a JPEG.")] = None,
    negative: Negative = None,
    model: VideoModel = None,
    width: Width = None,
    height: Height = None,
    frames: Annotated[int | None, Option(help="Frames that the model draws.")] = None,
    rate: Annotated[float | None, Option(help="Frames a second; motion keeps its speed.")] = None,
    first_frame: Annotated[
        str | None, Option(metavar="ASSET", help="A picture to begin with; `atelier upload` prints its id.")
    ] = None,
    steps: Steps = None,
    guidance: Guidance = None,
    seed: Annotated[int | None, Option(help="Seed; the same one makes the same clip.")] = None,
    scheduler: Scheduler = None,
    container: Annotated[
        str | None, Option("--format", help="mp4, webm or gif; by default what the file's name says.")
    ] = None,
    metadata: Labels = None,
    priority: Priority = None,
    parent: Parent = "",
    wait: Annotated[bool, Option("--wait/--no-wait", help="Wait for the clip, or only print its id.")] = True,
    json: Json = False,
) -> None:
    """Makes a clip from a prompt. Ctrl-C cancels it."""
    if wait:
        for file in (output, poster, sheet):
            if file is not None:
                check(file)
        if is_stdout(poster) or is_stdout(sheet):
            raise ValueError("only the clip can go to standard output")
        if is_stdout(output):
            check_stdout(json=json)
    format_of(poster, {".png": "PNG"}, hint="")
    format_of(sheet, {".jpg": "JPEG", ".jpeg": "JPEG"}, hint="")
    parameters = given(
        negative_prompt=negative,
        model=model,
        width_px=width,
        height_px=height,
        frames=frames,
        frame_rate_hz=rate,
        first_frame=first_frame,
        steps=steps,
        guidance_scale=guidance,
        seed=seed,
        scheduler=scheduler,
        container=container or format_of(output, _CONTAINERS),
        metadata=metadata,
    )
    made = await drawn(
        client.generate_video(prompt, wait=False, priority=priority, parent_id=parent, **parameters), wait=wait
    )
    files: list[Path] = []
    if wait:
        if output is None:
            output = Path(made.id + _SUFFIXES.get(made.outputs[0].content_type, ""))
        if is_stdout(output):
            await write_stdout(await made.content())
            output = None
        wanted = ((output, "CLIP"), (poster, "POSTER"), (sheet, "CONTACT_SHEET"))
        files = [await made.save(file, role) for file, role in wanted if file is not None]
    if not wait or output is not None:
        answer(made, files, json=json)
