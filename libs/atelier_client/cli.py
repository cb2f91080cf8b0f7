"""The `atelier` command.

Exit codes: 0 done · 1 the job failed or was cancelled, or the mesh did · 2 wrong usage or a value that is refused ·
3 the mesh cannot be reached · 4 not authorised · 5 not found · 6 busy or over a limit · 7 a local file cannot be read
or written · 70 a fault of this program (ATELIER_DEBUG=1 shows it) · 130 interrupted · 141 standard output was closed.
"""

import sys
from importlib import metadata
from typing import Annotated

import typer

from atelier_client.command import Grpc, Options, Url, with_client
from atelier_client.commands import frames, generate, jobs, keys, models, status, upload, video, watch, workflows
from atelier_client.complaint import complain
from atelier_client.external_command import EXTERNAL_COMMANDS, PASSED_ON
from atelier_client.standard_output import OutputClosedError, abandon_stdout

_OUTPUT_CLOSED = 141
"""The status that shells report for a process that SIGPIPE ended."""

app = typer.Typer(
    name="atelier",
    help="Prompts become pictures and clips on machines that you own.",
    epilog="Reads ATELIER_URL, ATELIER_API_KEY and ATELIER_GRPC, and var/dev.env of the working directory. Exit codes: "
    "1 the job failed or was cancelled, 2 wrong usage or value, 3 the mesh cannot be reached, 4 not authorised, "
    "5 not found, 6 busy or over a limit, 7 a file cannot be read or written, "
    "130 interrupted, 141 nobody reads the output.",
    no_args_is_help=True,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"atelier {_installed_version()}")
        raise typer.Exit


def _installed_version() -> str:
    """Returns the version of the distribution that installed this command: the client alone, or the whole mesh."""
    try:
        return metadata.version("atelier-client")
    except metadata.PackageNotFoundError:
        return metadata.version("atelier-mesh")


@app.callback()
def _connection(
    ctx: typer.Context,
    url: Url = "",
    grpc: Grpc = False,
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    ctx.obj = Options(url, grpc)


app.command("generate")(with_client(generate.generate))
app.command("video")(with_client(video.video))
app.command("jobs")(with_client(jobs.jobs))
app.command("images")(with_client(jobs.images))
app.command("videos")(with_client(jobs.videos))
app.command("show")(with_client(jobs.show))
app.command("cancel")(with_client(jobs.cancel))
app.command("delete")(with_client(jobs.delete))
app.command("frames")(with_client(frames.frames))
app.command("watch")(with_client(watch.watch))
app.add_typer(workflows.app, name="workflow")
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.command("upload")(with_client(upload.upload))
app.command("status")(with_client(status.status))
for external in EXTERNAL_COMMANDS:
    app.command(external.name, context_settings=PASSED_ON)(external.as_function())


def main() -> None:
    """Entry point: never a traceback, one line on stderr instead."""
    try:
        code = _run()
    except OutputClosedError:
        abandon_stdout()
        code = _OUTPUT_CLOSED
    except Exception as error:  # noqa: BLE001 (printed in one line, or raised when ATELIER_DEBUG is set)
        code = complain(error)
    sys.exit(code)


def _run() -> int:
    code = typer.main.get_command(app).main(prog_name="atelier", standalone_mode=False)
    return code if isinstance(code, int) else 0
