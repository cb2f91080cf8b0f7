"""Options and waiting that `atelier generate` and `atelier video` share."""

import asyncio
import os
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

from typer import Option

from atelier_client.complaint import JobInterruptedError, complain, wants_json
from atelier_client.completion import image_models, jobs, video_models
from atelier_client.console import NoProgress, as_dict, progress, result, result_json
from atelier_client.standard_output import is_stdout

if TYPE_CHECKING:
    from atelier.events.v1.events_pb2 import GenerationProgress
    from atelier.jobs.v1.job_pb2 import Progress
    from atelier_client.job import AsyncJob

J = TypeVar("J", bound="AsyncJob[Any]")


class Shows(Protocol):
    """Shows the progress of a job."""

    def show(self, state: str, progress: "Progress") -> None:
        """Shows the state and the progress."""
        ...


class Screen(Protocol):
    """Opens a display of the progress of a job."""

    def __call__(self, *, quiet: bool = False) -> "AbstractContextManager[Shows]": ...


Negative = Annotated[str | None, Option(help="What it should not show.")]
ImageModel = Annotated[
    str | None, Option("--model", help="Id of a model; `atelier models` lists them.", autocompletion=image_models)
]
VideoModel = Annotated[
    str | None, Option("--model", help="Id of a model; `atelier models` lists them.", autocompletion=video_models)
]
Width = Annotated[int | None, Option(help="Width in pixels, a multiple of 8.")]
Height = Annotated[int | None, Option(help="Height in pixels, a multiple of 8.")]
Steps = Annotated[int | None, Option(help="Denoising steps, 1 to 200.")]
Guidance = Annotated[float | None, Option(help="Guidance scale, 0 to 30; 0 and 1 mean none.")]
Scheduler = Annotated[
    str | None,
    Option(
        help="ddim, euler, euler-ancestral, dpmpp-2m, dpmpp-sde, dpmpp-2m-sde, heun, unipc, ddpm, lms, dpm2, "
        "dpm2-ancestral or lcm; a model may know fewer."
    ),
]
Labels = Annotated[list[str] | None, Option(metavar="K=V", help="A label of your own; may be repeated.")]
Priority = Annotated[
    str | None, Option(help="low, normal or high; which jobs are started first. High is for administrators.")
]
Parent = Annotated[
    str, Option(metavar="ID", help="Another job of yours that this one is a part of.", autocompletion=jobs)
]

# Deadline of the cancellation after Ctrl-C, in seconds.
_CANCEL_S = 5.0


def given(*, metadata: Sequence[str] | None, **values: Any) -> dict[str, Any]:
    """Returns the parameters that the command line contains, as keyword arguments of the library."""
    named = {name: value for name, value in values.items() if value is not None}
    return {**named, "metadata": dict(_label(text) for text in metadata or ())}


async def drawn(
    submitting: "Coroutine[Any, Any, J]", *, wait: bool, shown: bool = True, screen: Screen = progress
) -> J:
    """Submits a job and waits for its end; cancels it when interrupted.

    Args:
        submitting: Submits the job.
        wait: Whether to wait for the end.
        shown: Whether progress is shown.
        screen: Opens the display of progress; quiet when the output is JSON.

    Returns:
        The job after the wait.

    Raises:
        JobFailedError: It failed or was cancelled.
    """
    # A task of its own: after an interruption here, the id of the job to cancel is still received.
    submission = asyncio.ensure_future(submitting)
    try:
        job = await asyncio.shield(submission)
        if wait:
            job = await _follow(job, shown=shown, screen=screen)
    except asyncio.CancelledError:
        await _abandon(submission)
        raise
    job.raise_for_state()
    return job


def answer(job: "AsyncJob[Any]", files: Sequence[Path], *, json: bool, lines: bool = False) -> None:
    """Prints the paths of the files, or without any the job's id. `json`: prints JSON, on one line if `lines`."""
    paths = [str(path) for path in files]
    if json:
        result_json({**as_dict(job.message), "files": paths}, lines=lines)
        return
    for line in paths or [job.id]:
        result(line)


def check(output: Path) -> None:
    """Raises OSError, before a job is submitted, when the file cannot be written."""
    if is_stdout(output):
        return
    if output.is_dir():
        raise IsADirectoryError(21, "is a folder", str(output))
    if not output.parent.is_dir():
        raise FileNotFoundError(2, "no such folder", str(output.parent))
    if not os.access(output.parent, os.W_OK) or (output.exists() and not os.access(output, os.W_OK)):
        raise PermissionError(13, "cannot be written", str(output))


def format_of(output: Path | None, formats: Mapping[str, str], hint: str = ", or give --format") -> str | None:
    """Returns the format by the suffix of a file; None for the server's default. Raises ValueError if unknown."""
    if output is None or not output.suffix or output.is_char_device():
        return None
    found = formats.get(output.suffix.lower())
    if found is None:
        raise ValueError(f"{output.name} says no known format: end it in {', '.join(formats)}{hint}")
    return found


async def _follow(job: J, *, shown: bool, screen: Screen) -> J:
    """Shows the progress of a job until it ends, and returns its final record."""
    from atelier.jobs.v1 import job_pb2

    with screen(quiet=wants_json()) if shown else nullcontext(NoProgress()) as shown_on:
        while not job.finished:
            async for event in job.watch():
                kind = event.WhichOneof("payload")
                if kind in ("snapshot", "generation_progress"):
                    payload: GenerationProgress = getattr(event, kind)
                    shown_on.show(job_pb2.State.Name(payload.state), payload.progress)
            job = await job.refresh()
    return job


async def _abandon(submission: "asyncio.Future[J]") -> None:
    """Cancels the submitted job, and prints its state or why it could not be cancelled."""
    from atelier_client.errors import AtelierApiError, CannotReachError

    job: J | None = None
    try:
        async with asyncio.timeout(_CANCEL_S):
            job = await submission
            job = await job.cancel()
    except (AtelierApiError, TimeoutError) as error:
        if job is None and isinstance(error, AtelierApiError) and not isinstance(error, CannotReachError):
            return  # it was refused: there is nothing to cancel
        text = f"interrupted; the job could not be cancelled: {error or 'no answer'}"
    else:
        text = f"interrupted; {job.kind.noun} {job.id} is {job.state}"
    complain(JobInterruptedError(text))


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"--metadata {text!r} is not of the form k=v")
    return name, value
