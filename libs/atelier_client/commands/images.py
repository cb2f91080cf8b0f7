"""`atelier images`, `show`, `cancel` and `delete`."""

from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from atelier_client.command import Json
from atelier_client.console import as_dict, moment, pairs, result, result_json, size, table

if TYPE_CHECKING:
    from atelier_client.async_client import AsyncClient

Id = Annotated[str, Argument(metavar="ID", help="The image's id.")]


async def images(
    client: "AsyncClient",
    state: Annotated[str | None, Option(help="Only images in this state, such as succeeded.")] = None,
    limit: Annotated[int, Option(min=1, help="At most so many.")] = 50,
    json: Json = False,
) -> None:
    """Lists your images, newest first."""
    found = [image async for image in client.images.list(state=state, limit=limit)]
    if json:
        result_json([as_dict(image.message) for image in found])
        return
    table(
        ("ID", "STATE", "MADE", "PROMPT"),
        [(image.id, image.state, moment(image.message.create_time), image.parameters.prompt) for image in found],
    )


async def show(client: "AsyncClient", image_id: Id, json: Json = False) -> None:
    """Shows one image."""
    image = await client.images.get(image_id)
    if json:
        result_json(as_dict(image.message))
        return
    from atelier.type.v1 import type_pb2

    parameters, message = image.parameters, image.message
    failure = f"{message.error.reason}: {message.error.message}" if message.HasField("error") else ""
    pairs(
        [
            ("id", image.id),
            ("state", image.state),
            ("error", failure),
            ("prompt", parameters.prompt),
            ("negative", parameters.negative_prompt),
            ("model", parameters.model),
            ("size", f"{parameters.width_px} × {parameters.height_px}"),
            ("steps", str(parameters.steps)),
            ("guidance", f"{parameters.guidance_scale:g}"),
            ("seed", str(parameters.seed)),
            ("scheduler", type_pb2.Scheduler.Name(parameters.scheduler)),
            ("labels", ", ".join(f"{name}={value}" for name, value in sorted(parameters.metadata.items()))),
            ("revision", str(message.revision)),
            ("cached", "yes" if image.cached else ""),
            ("made", moment(message.create_time)),
            ("finished", moment(message.finish_time)),
            ("trace", image.trace_id),
        ]
    )
    for output in image.outputs:
        result(f"picture {output.index}: {output.content_type}, {size(output.size_bytes)}, seed {output.seed}")


async def cancel(client: "AsyncClient", image_id: Id, json: Json = False) -> None:
    """Stops an image within one denoising step."""
    image = await client.cancel(image_id)
    if json:
        result_json(as_dict(image.message))
        return
    result(f"{image.id} {image.state}")


async def delete(client: "AsyncClient", image_id: Id) -> None:
    """Stops an image if it runs, and removes it with its files."""
    await client.images.delete(image_id)
    result(f"{image_id} deleted")
