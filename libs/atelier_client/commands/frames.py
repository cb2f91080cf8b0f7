"""`atelier frames`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from atelier_client import completion
from atelier_client.console import result, say
from atelier_client.standard_output import check_stdout, is_stdout, write_stdout

if TYPE_CHECKING:
    from atelier_client.async_client import AsyncClient


async def frames(
    client: "AsyncClient",
    video_id: Annotated[str, Argument(metavar="ID", help="The video's id.", autocompletion=completion.videos)],
    output: Annotated[
        Path | None,
        Option(
            "--output",
            "-o",
            help="Folder (ID), made when it is not there: frame-0000.png …; - for standard output, with --index.",
        ),
    ] = None,
    index: Annotated[int | None, Option(min=0, help="Only this frame, from 0.")] = None,
    width: Annotated[int | None, Option(help="Width in pixels, for thumbnails.")] = None,
) -> None:
    """Saves a video's frames as they were drawn, as PNG; of a running one those that are there."""
    if is_stdout(output):
        if index is None:
            raise ValueError("standard output takes one frame: say which with --index")
        check_stdout(json=False)
    video = await client.videos.get(video_id)
    if is_stdout(output) and index is not None:
        await write_stdout(await video.frame(index, width_px=width))
        return
    folder = output or Path(video.id)
    indices = [frame.index async for frame in video.frames()] if index is None else [index]
    folder.mkdir(exist_ok=True)
    for number in indices:
        result(str(await video.save_frame(folder / f"frame-{number:04}.png", number, width_px=width)))
    if index is None and not video.finished:
        say(f"the video is {video.state}: more frames may come")
