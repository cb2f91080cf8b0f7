"""`atelier generate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from atelier_client.command import Json
from atelier_client.commands.batch import each, numbered
from atelier_client.commands.drawing import (
    Guidance,
    Height,
    ImageModel,
    Labels,
    Negative,
    Parent,
    Priority,
    Scheduler,
    Steps,
    Width,
    answer,
    check,
    drawn,
    format_of,
    given,
)
from atelier_client.commands.sampling import (
    AddNoise,
    Denoise,
    EndStep,
    Init,
    KeepNoise,
    Mask,
    OutputLatent,
    Sigmas,
    StartStep,
    inputs,
    seeds,
)
from atelier_client.prompts import read_prompts
from atelier_client.standard_output import check_stdout, is_stdout, write_stdout

if TYPE_CHECKING:
    from atelier_client.async_client import AsyncClient
    from atelier_client.image import AsyncImage

_FORMATS = {".png": "PNG", ".webp": "WEBP", ".jpg": "JPEG", ".jpeg": "JPEG"}
_SUFFIXES = {"image/png": ".png", "image/webp": ".webp", "image/jpeg": ".jpg"}


async def generate(
    client: "AsyncClient",
    prompt: Annotated[
        str | None, Argument(help="What the picture should show; or --prompts.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        Option(
            "--output",
            "-o",
            help="File (ID.png), - for standard output; several become out-0.png, out-1.png …, those of --prompts "
            "out-0001.png … by their lines, or 0001.png … in a folder.",
        ),
    ] = None,
    prompts: Annotated[
        Path | None, Option(help="A file of prompts, one a line, - for standard input; a picture for each.")
    ] = None,
    negative: Negative = None,
    model: ImageModel = None,
    width: Width = None,
    height: Height = None,
    steps: Steps = None,
    guidance: Guidance = None,
    seed: Annotated[int | None, Option(help="Seed, of 64 bits at most; the same one makes the same picture.")] = None,
    scheduler: Scheduler = None,
    sigmas: Sigmas = None,
    init: Init = None,
    mask: Mask = None,
    denoise: Denoise = None,
    start_step: StartStep = None,
    end_step: EndStep = None,
    add_noise: AddNoise = None,
    keep_noise: KeepNoise = None,
    count: Annotated[int | None, Option(help="How many pictures, 1 to 8.")] = None,
    output_format: Annotated[
        str | None, Option("--format", help="png, webp or jpeg; by default what the file's name says.")
    ] = None,
    output_latent: OutputLatent = None,
    metadata: Labels = None,
    priority: Priority = None,
    parent: Parent = "",
    wait: Annotated[bool, Option("--wait/--no-wait", help="Wait for the picture, or only print its id.")] = True,
    json: Json = False,
) -> None:
    """Makes a picture from a prompt, or from each of many. Ctrl-C cancels what is under way."""
    if (prompt is None) == (prompts is None):
        raise ValueError(
            "Missing argument 'PROMPT', or --prompts FILE"
            if prompt is None
            else "PROMPT and --prompts are two ways: give one"
        )
    if output is not None and wait:
        _check(output, several=prompts is not None, count=count, json=json)
    if output_latent is not None:
        _check_latent(output_latent)
    parameters = given(
        negative_prompt=negative,
        model=model,
        width_px=width,
        height_px=height,
        steps=steps,
        guidance_scale=guidance,
        **seeds(seed),
        scheduler=scheduler,
        sigmas=sigmas,
        denoise=denoise,
        start_step=start_step,
        end_step=end_step,
        add_noise=add_noise,
        keep_noise=keep_noise,
        outputs=None if output_latent is None else ("PICTURE", "LATENT"),
        count=count,
        output_format=output_format or format_of(output, _FORMATS),
        metadata=metadata,
    )
    parameters |= await inputs(client, init, mask)
    if prompts is None:
        assert prompt is not None
        image = await drawn(
            client.generate(prompt, wait=False, priority=priority, parent_id=parent, **parameters), wait=wait
        )
        latents = await _saved_latents(image, output_latent) if wait else []
        if wait and is_stdout(output):
            await write_stdout(await image.content())
            return
        answer(image, [*await _saved(image, output), *latents] if wait else [], json=json)
        return

    made: dict[int, tuple[AsyncImage, list[Path]]] = {}

    async def make(number: int, prompt: str) -> None:
        image = await drawn(
            client.generate(prompt, wait=False, priority=priority, parent_id=parent, **parameters),
            wait=wait,
            shown=False,
        )
        made[number] = image, []
        if wait:
            latents = await _saved_latents(image, numbered(output_latent, number))
            made[number] = image, [*await _saved(image, numbered(output, number)), *latents]

    def show(number: int) -> None:
        image, files = made.pop(number)
        answer(image, files, json=json, lines=True)

    await each(read_prompts(prompts), make, show)


def _check(output: Path, *, several: bool, count: int | None, json: bool) -> None:
    """Raises ValueError or OSError, before a job is submitted, when a picture cannot be written to `output`."""
    if is_stdout(output):
        if several or (count or 1) > 1:
            raise ValueError("standard output takes one picture; name a file")
        check_stdout(json=json)
    elif not (several and output.is_dir()):
        check(output)


async def _saved(image: "AsyncImage", output: Path | None) -> list[Path]:
    """Saves every picture to a file, named after the image's id when `output` is None."""
    target = output or Path(image.id)
    if not target.suffix:
        target = target.with_name(target.name + _SUFFIXES.get(image.pictures[0].content_type, ""))
    return await image.save_all(target)


def _check_latent(output: Path) -> None:
    """Raises ValueError or OSError, before a job is submitted, when a latent cannot be written to `output`."""
    if is_stdout(output):
        raise ValueError("a latent goes to a file")
    format_of(output, {".safetensors": "LATENT"}, hint="")
    check(output)


async def _saved_latents(image: "AsyncImage", output: Path | None) -> list[Path]:
    return [] if output is None else await image.save_latents(output)
