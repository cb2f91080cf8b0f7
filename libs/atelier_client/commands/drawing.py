"""What `atelier generate` and `atelier video` have in common: their options, and how a submitted job is followed."""

import asyncio
import os
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from typer import Option

from atelier_client.console import as_dict, progress, result, result_json, say

if TYPE_CHECKING:
    from atelier.events.v1.events_pb2 import GenerationProgress
    from atelier_client.job import AsyncJob

J = TypeVar("J", bound="AsyncJob[Any]")

Negative = Annotated[str | None, Option(help="What it should not show.")]
Model = Annotated[str | None, Option(help="Id of a model; `atelier models` lists them.")]
Width = Annotated[int | None, Option(help="Width in pixels, a multiple of 8.")]
Height = Annotated[int | None, Option(help="Height in pixels, a multiple of 8.")]
Steps = Annotated[int | None, Option(help="Denoising steps, 1 to 200.")]
Guidance = Annotated[float | None, Option(help="Guidance scale, 1 (none) to 30.")]
Scheduler = Annotated[str | None, Option(help="ddim, euler, euler-ancestral or dpmpp-2m.")]
Labels = Annotated[list[str] | None, Option(metavar="K=V", help="A label of your own; may be repeated.")]

# Seconds that cancelling may take after Ctrl-C.
_CANCEL_S = 5.0


def given(*, metadata: Sequence[str] | None, **values: Any) -> dict[str, Any]:
    """The parameters that the command line names, for the library."""
    named = {name: value for name, value in values.items() if value is not None}
    return {**named, "metadata": dict(_label(text) for text in metadata or ())}


async def drawn(submitting: "Coroutine[Any, Any, J]", *, wait: bool) -> J:
    """The job that `submitting` makes, shown until its end if `wait`; one that is interrupted is cancelled.

    Raises JobFailedError when it failed or was cancelled.
    """
    # A task of its own: interrupted at this moment, we still learn which job to cancel.
    submission = asyncio.ensure_future(submitting)
    try:
        job = await asyncio.shield(submission)
        if wait:
            job = await _follow(job)
    except asyncio.CancelledError:
        await _abandon(submission)
        raise
    job.raise_for_state()
    return job


def answer(job: "AsyncJob[Any]", files: Sequence[Path], *, json: bool) -> None:
    """Says which files were written, or the job's id when none was."""
    paths = [str(path) for path in files]
    if json:
        result_json({**as_dict(job.message), "files": paths})
        return
    for line in paths or [job.id]:
        result(line)


def check(output: Path) -> None:
    """Raises OSError before anything is made when its file could not be written."""
    if output.is_dir():
        raise IsADirectoryError(21, "is a folder", str(output))
    if not output.parent.is_dir():
        raise FileNotFoundError(2, "no such folder", str(output.parent))
    if not os.access(output.parent, os.W_OK) or (output.exists() and not os.access(output, os.W_OK)):
        raise PermissionError(13, "cannot be written", str(output))


def format_of(output: Path | None, formats: Mapping[str, str], hint: str = ", or give --format") -> str | None:
    """The format that the file's name asks for; None to leave it to the mesh. Raises ValueError for another kind."""
    if output is None or not output.suffix or output.is_char_device():
        return None
    found = formats.get(output.suffix.lower())
    if found is None:
        raise ValueError(f"{output.name} says no known format: end it in {', '.join(formats)}{hint}")
    return found


async def _follow(job: J) -> J:
    """Shows how it goes, until the end."""
    from atelier.jobs.v1 import job_pb2

    with progress() as shown:
        while not job.finished:
            async for event in job.watch():
                kind = event.WhichOneof("payload")
                if kind in ("snapshot", "generation_progress"):
                    told: GenerationProgress = getattr(event, kind)
                    shown.show(job_pb2.State.Name(told.state), told.progress)
            job = await job.refresh()
    return job


async def _abandon(submission: "asyncio.Future[J]") -> None:
    """Cancels what was submitted, and says whether that went well."""
    from atelier_client.errors import AtelierApiError

    try:
        async with asyncio.timeout(_CANCEL_S):
            job = await (await submission).cancel()
    except (AtelierApiError, TimeoutError) as error:
        say(f"atelier: interrupted; the job could not be cancelled: {error or 'no answer'}")
    else:
        say(f"atelier: interrupted; {job.kind.noun} {job.id} is {job.state}")


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"--metadata {text!r} is not of the form k=v")
    return name, value
