"""Error output of the command: one line on standard error, JSON where JSON was asked for."""

import json
import os
import sys
from typing import NamedTuple

from typer.exceptions import TyperException

from atelier_client.error_json import status_of
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
_FAULT = 70
_LOCAL_FILE = 7


class JobInterruptedError(Exception):
    """The command was interrupted by Ctrl-C; the message contains the state of the job."""


class Complaint(NamedTuple):
    """An error, its line of text, and the exit code."""

    error: AtelierApiError
    line: str
    exit_code: int


def complaint_of(error: Exception) -> Complaint:
    """Returns the line of text and the exit code of any `error`."""
    if isinstance(error, CannotReachError):
        return Complaint(error, f"{error.message}; is the mesh running?", 3)
    if isinstance(error, AtelierApiError):
        return Complaint(error, str(error) + _hint(error), _EXIT_CODES.get(error.code, 1))
    if isinstance(error, JobInterruptedError):
        return Complaint(AtelierApiError("CANCELLED", "INTERRUPTED", str(error)), str(error), 130)
    if isinstance(error, TyperException):
        text = str(error.format_message()).replace("\n", " ")
        return Complaint(AtelierApiError("INVALID_ARGUMENT", "USAGE", text), text, error.exit_code)
    if isinstance(error, ValueError):
        return Complaint(AtelierApiError("INVALID_ARGUMENT", "USAGE", str(error)), str(error), 2)
    if isinstance(error, OSError):
        text = f"{error.filename}: {error.strerror or error}" if error.filename else str(error.strerror or error)
        return Complaint(AtelierApiError("FAILED_PRECONDITION", "LOCAL_FILE", text), text, _LOCAL_FILE)
    text = f"a fault of this program: {type(error).__name__}: {error}; ATELIER_DEBUG=1 shows more"
    return Complaint(AtelierApiError("INTERNAL", "CLIENT_FAULT", text), text, _FAULT)


def complain(error: Exception, *, where: str = "") -> int:
    """Prints an error to standard error.

    Args:
        error: The error.
        where: A prefix of the line, such as `line 3: `.

    Returns:
        The exit code.

    Raises:
        Exception: `error` itself, when it is a fault of this program and ATELIER_DEBUG is set.
    """
    complaint = complaint_of(error)
    if os.environ.get("ATELIER_DEBUG") and complaint.exit_code == _FAULT:
        raise error
    if wants_json():
        status = status_of(complaint.error)
        text = json.dumps({**status, "message": f"{where}{status['message']}"}, ensure_ascii=False)
    else:
        text = f"atelier: {where}{complaint.line}"
    print(text, file=sys.stderr, flush=True)
    return complaint.exit_code


def wants_json() -> bool:
    """Whether the command line contains `--json`; also when it is invalid otherwise."""
    words = sys.argv[1:]
    return "--json" in (words[: words.index("--")] if "--" in words else words)


def _hint(error: AtelierApiError) -> str:
    if error.code == "UNAUTHENTICATED":
        return "; set ATELIER_API_KEY to a valid key"
    if error.retry_after_s is not None:
        return f"; try again in {error.retry_after_s:.0f} s"
    return ""
