"""`atelier watch`."""

from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from atelier_client import completion
from atelier_client.command import Json
from atelier_client.console import as_dict, moment, result, result_json, say
from atelier_client.table import clean

if TYPE_CHECKING:
    from atelier.events.v1.events_pb2 import Event, GenerationProgress
    from atelier_client.async_client import AsyncClient


async def watch(
    client: "AsyncClient",
    job_id: Annotated[
        str | None,
        Argument(metavar="[ID]", help="One job, to its end; everything otherwise.", autocompletion=completion.jobs),
    ] = None,
    after_seq: Annotated[int | None, Option(min=0, help="With an ID: everything after this event.")] = None,
    after: Annotated[str, Option(help="Without an ID: everything after this cursor.")] = "",
    json: Json = False,
) -> None:
    """Shows what happens, as it happens. Ends with the job, or with Ctrl-C."""
    events = client.jobs.watch(job_id, after_seq=after_seq) if job_id else client.events(after=after, heartbeats=True)
    listening = False
    async for event in events:
        if event.HasField("heartbeat"):
            if not listening:
                say("listening; Ctrl-C ends it")
            listening = True
        elif json:
            result_json(as_dict(event), lines=True)
        else:
            result(f"{moment(event.time)}  {event.type:<20}  {clean(_summary(event))}")


def _summary(event: "Event") -> str:
    """Returns the text of an event after its time and type."""
    match event.WhichOneof("payload"):
        case "snapshot":
            return f"{event.job_id} {_progress(event.snapshot)}"
        case "generation_progress":
            return f"{event.job_id} {_progress(event.generation_progress)}"
        case "model_status":
            status = event.model_status
            why = f" {status.error.reason}: {status.error.message}" if status.HasField("error") else ""
            return f"{status.model_id} {status.state} on {status.worker_id}{why}"
        case "error_notification":
            error = event.error_notification.error
            return f"{event.job_id} {error.reason}: {error.message}".strip()
        case "system_status":
            status_now = event.system_status
            queues = ", ".join(f"{queue.kind}: {queue.queued} waiting" for queue in status_now.queues)
            return f"{len(status_now.workers)} workers; {queues or 'no queues'}"
        case _:
            return event.job_id


def _progress(progress: "GenerationProgress") -> str:
    from atelier.jobs.v1 import job_pb2

    words = [job_pb2.State.Name(progress.state)]
    done = progress.progress
    if done.stage:
        words.append(f"{done.stage}: {done.unit} {done.done} of {done.total}" if done.total else done.stage)
    if progress.preview:
        words.append("(preview)")
    if progress.cached:
        words.append("(cached)")
    if progress.HasField("error"):
        words.append(f"{progress.error.reason}: {progress.error.message}")
    return " ".join([*words, *progress.content_urls])
