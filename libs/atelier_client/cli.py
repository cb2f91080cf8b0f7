"""The `atelier` command.

Exit codes: 0 done · 1 the job failed or was cancelled, or the mesh did · 2 wrong usage or a value that is refused ·
3 the mesh cannot be reached · 4 not authorised · 5 not found · 6 busy or over a limit · 7 a local file cannot be read
or written · 70 a fault of this program (ATELIER_DEBUG=1 shows it) · 130 interrupted.
"""

import os
import sys
from importlib import metadata
from typing import Annotated

import typer
from typer.exceptions import TyperException

from atelier_client.command import Grpc, Options, Url, with_client
from atelier_client.commands import frames, generate, jobs, keys, models, status, upload, video, watch
from atelier_client.errors import AtelierApiError, CannotReachError

_EXIT_CODES = {
    "INVALID_ARGUMENT": 2,
    "FAILED_PRECONDITION": 2,
    "OUT_OF_RANGE": 2,
    "UNAVAILABLE": 3,
    "DEADLINE_EXCEEDED": 3,
    "UNAUTHENTICATED": 4,
    "PERMISSION_DENIED": 4,
    "NOT_FOUND": 5,
    "RESOURCE_EXHAUSTED": 6,
}

app = typer.Typer(
    name="atelier",
    help="Prompts become pictures and clips on machines that you own.",
    epilog="Reads ATELIER_URL, ATELIER_API_KEY and ATELIER_GRPC, and var/dev.env of the working directory. Exit codes: "
    "1 the job failed or was cancelled, 2 wrong usage or value, 3 the mesh cannot be reached, 4 not authorised, "
    "5 not found, 6 busy or over a limit, 7 a file cannot be read or written, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"atelier {metadata.version('atelier-mesh')}")
        raise typer.Exit


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
app.command("images")(with_client(jobs.images))
app.command("videos")(with_client(jobs.videos))
app.command("show")(with_client(jobs.show))
app.command("cancel")(with_client(jobs.cancel))
app.command("delete")(with_client(jobs.delete))
app.command("frames")(with_client(frames.frames))
app.command("watch")(with_client(watch.watch))
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.command("upload")(with_client(upload.upload))
app.command("status")(with_client(status.status))


def main() -> None:
    """Entry point: never a traceback, one line on stderr instead."""
    try:
        code = _run()
    except TyperException as error:
        code = _complain(str(error.format_message()).replace("\n", " "), error.exit_code)
    except CannotReachError as error:
        code = _complain(f"{error.message}; is the mesh running?", 3)
    except AtelierApiError as error:
        code = _complain(str(error) + _hint(error), _EXIT_CODES.get(error.code, 1))
    except ValueError as error:
        code = _complain(str(error), 2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        code = _complain(f"{where}{error.strerror or error}", 7)
    except Exception as error:
        if os.environ.get("ATELIER_DEBUG"):
            raise
        code = _complain(f"a fault of this program: {type(error).__name__}: {error}; ATELIER_DEBUG=1 shows more", 70)
    sys.exit(code)


def _run() -> int:
    code = typer.main.get_command(app).main(prog_name="atelier", standalone_mode=False)
    return code if isinstance(code, int) else 0


def _hint(error: AtelierApiError) -> str:
    if error.code == "UNAUTHENTICATED":
        return "; set ATELIER_API_KEY"
    if error.retry_after_s is not None:
        return f"; try again in {error.retry_after_s:.0f} s"
    return ""


def _complain(line: str, code: int) -> int:
    print(f"atelier: {line}", file=sys.stderr)
    return code
