"""`atelier jobs`, `images`, `videos`, `show`, `cancel` and `delete`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from atelier_client import completion
from atelier_client.command import Json
from atelier_client.commands.complete import complete
from atelier_client.console import as_dict, moment, pairs, result, result_json, size, when
from atelier_client.table import table

if TYPE_CHECKING:
    from atelier.image.v1.image_pb2 import Image
    from atelier.jobs.v1.job_service_pb2 import Job
    from atelier.type.v1.type_pb2 import TokenCount
    from atelier.video.v1.video_pb2 import Video
    from atelier.workflow.v1.execution_pb2 import Execution
    from atelier_client.async_client import AsyncClient
    from atelier_client.execution import AsyncExecution
    from atelier_client.image import AsyncImage
    from atelier_client.jobs import AsyncJobs
    from atelier_client.video import AsyncVideo

Id = Annotated[str, Argument(metavar="ID", help="The id of a job: an image, a video.", autocompletion=completion.jobs)]
Limit = Annotated[int, Option(min=1, help="At most so many.")]


async def jobs(
    client: "AsyncClient",
    kind: Annotated[list[str] | None, Option(help="Only jobs of this kind, such as image; may be repeated.")] = None,
    state: Annotated[
        list[str] | None, Option(help="Only jobs in this state, such as running; may be repeated.")
    ] = None,
    parent: Annotated[str, Option(help="Only parts of this job.", autocompletion=completion.jobs)] = "",
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """Lists your jobs of every kind, newest first."""
    async with complete(client.jobs.list(kinds=kind or (), states=state or (), parent_id=parent, limit=limit)) as found:
        if json:
            result_json([as_dict(job.message) for job in found])
            return
        table(
            ("ID", "KIND", "STATE", "MADE", "DETAIL"),
            [(job.id, job.kind_name, job.state, when(job.message.create_time), _detail(job.message)) for job in found],
            elastic="DETAIL",
            droppable=("MADE",),
        )


async def images(
    client: "AsyncClient",
    state: Annotated[str | None, Option(help="Only images in this state, such as succeeded.")] = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """Lists your images, newest first."""
    await _listed(client.images, state, limit, json)


async def videos(
    client: "AsyncClient",
    state: Annotated[str | None, Option(help="Only videos in this state, such as succeeded.")] = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """Lists your videos, newest first."""
    await _listed(client.videos, state, limit, json)


async def show(client: "AsyncClient", job_id: Id, json: Json = False) -> None:
    """Shows one job, with what is special to its kind."""
    found = await client.jobs.get(job_id)
    if found.kind_name == "image":
        _show_drawing(await client.images.get(job_id), json)
    elif found.kind_name == "video":
        _show_drawing(await client.videos.get(job_id), json)
    elif found.kind_name == "workflow":
        _show_execution(await client.executions.get(job_id), json)
    elif json:
        result_json(as_dict(found.message))
    else:
        message = found.message
        pairs(
            [
                ("id", found.id),
                ("kind", found.kind_name),
                ("state", found.state),
                ("error", _failure(message)),
                ("revision", str(message.revision)),
                ("made", moment(message.create_time)),
                ("finished", moment(message.finish_time)),
                ("trace", found.trace_id),
            ]
        )


def _show_drawing(job: "AsyncImage | AsyncVideo", json: bool) -> None:
    if json:
        result_json(as_dict(job.message))
        return
    from atelier.type.v1 import type_pb2

    parameters, message = job.parameters, job.message
    pairs(
        [
            ("id", job.id),
            ("kind", job.kind.noun),
            ("state", job.state),
            ("error", _failure(message)),
            ("prompt", parameters.prompt),
            ("prompt cut", _cut(message.prompt_tokens)),
            ("negative", parameters.negative_prompt),
            ("negative cut", _cut(message.negative_prompt_tokens)),
            ("model", parameters.model),
            ("size", f"{parameters.width_px} × {parameters.height_px}"),
            ("frames", _frames(job)),
            ("steps", str(parameters.steps)),
            ("guidance", f"{parameters.guidance_scale:g}"),
            ("seed", str(parameters.seed)),
            ("scheduler", type_pb2.Scheduler.Name(parameters.scheduler)),
            ("labels", ", ".join(f"{name}={value}" for name, value in sorted(parameters.metadata.items()))),
            ("revision", str(message.revision)),
            ("cached", "yes" if job.cached else ""),
            ("made", moment(message.create_time)),
            ("finished", moment(message.finish_time)),
            ("trace", job.trace_id),
        ]
    )
    for line in _outputs(job):
        result(line)


def _show_execution(execution: "AsyncExecution", json: bool) -> None:
    message, progress = execution.message, execution.progress
    if json:
        result_json(as_dict(message))
        return
    failed = message.node_error
    pairs(
        [
            ("id", execution.id),
            ("kind", "workflow"),
            ("state", execution.state),
            ("error", _failure(message)),
            ("failed node", f"{failed.node_id} ({failed.class_type}) {failed.type}" if failed.node_id else ""),
            ("workflow", f"{message.workflow_id} version {message.version}" if message.workflow_id else ""),
            ("inputs", message.inputs if message.workflow_id else ""),
            ("nodes", f"{progress.nodes_done} of {progress.nodes_total}"),
            ("running", ", ".join(f"{node.node_id} ({node.class_type})" for node in progress.running)),
            ("labels", ", ".join(f"{name}={value}" for name, value in sorted(message.metadata.items()))),
            ("made", moment(message.create_time)),
            ("finished", moment(message.finish_time)),
            ("trace", execution.trace_id),
        ]
    )
    for output in execution.outputs:
        where = f"{output.name or output.node_id}.{output.field}"
        result(f"{where}: {output.value or f'{output.filename} {size(output.size_bytes)} {output.content_url}'}")


def _detail(message: "Job") -> str:
    """Returns the reason of the failure or the progress, and the labels."""
    done = message.progress.fraction
    words = [message.error.reason] if message.HasField("error") else [f"{done:.0%}"] if 0 < done < 1 else []
    return " ".join([*words, *(f"{name}={value}" for name, value in sorted(message.labels.items()))])


def _failure(message: "Image | Video | Execution | Job") -> str:
    return f"{message.error.reason}: {message.error.message}" if message.HasField("error") else ""


def _cut(count: "TokenCount") -> str:
    """Returns how many tokens the model read, when a text was truncated; otherwise the empty string."""
    return f"read to token {count.limit} of {count.tokens}" if count.truncated else ""


async def cancel(client: "AsyncClient", job_id: Id, json: Json = False) -> None:
    """Stops a job."""
    job = await client.jobs.cancel(job_id)
    if json:
        result_json(as_dict(job.message))
        return
    result(f"{job.id} {job.state}")


async def delete(client: "AsyncClient", job_id: Id) -> None:
    """Stops a job if it runs, and removes it with its files."""
    await client.jobs.delete(job_id)
    result(f"{job_id} deleted")


async def _listed(drawings: "AsyncJobs[Any]", state: str | None, limit: int, json: bool) -> None:
    found = [job async for job in drawings.list(state=state, limit=limit)]
    if json:
        result_json([as_dict(job.message) for job in found])
        return
    table(
        ("ID", "STATE", "MADE", "PROMPT"),
        [(job.id, job.state, when(job.message.create_time), job.message.parameters.prompt) for job in found],
        elastic="PROMPT",
        droppable=("MADE",),
    )


def _frames(job: "AsyncImage | AsyncVideo") -> str:
    """Returns number and rate of a video's frames; empty for an image."""
    from atelier_client.video import AsyncVideo

    if not isinstance(job, AsyncVideo):
        return ""
    return f"{job.parameters.frames} at {job.parameters.frame_rate_hz:g} a second"


def _outputs(job: "AsyncImage | AsyncVideo") -> Iterator[str]:
    """Yields a line for each file of a job."""
    from atelier.video.v1.video_pb2 import OutputRole
    from atelier_client.video import AsyncVideo

    if not isinstance(job, AsyncVideo):
        for output in job.outputs:
            yield f"picture {output.index}: {output.content_type}, {size(output.size_bytes)}, seed {output.seed}"
        return
    for file in job.outputs:
        role = OutputRole.Name(file.role).lower().replace("_", " ")
        plays = f", {file.frame_count} frames, {file.duration_s:g} s" if file.duration_s else ""
        yield f"{role}: {file.content_type}, {size(file.size_bytes)}{plays}"
