"""Import failures: why a pack did not load, in one line."""

import traceback
from pathlib import Path

from atelier_nodes.packs.pack import Pack, PackFormError


def failure_line(error: BaseException, pack: Pack) -> str:
    """Returns the failure in one line, with the file and line of the pack's own code that caused it.

    Args:
        error: What was raised while the pack was loaded.
        pack: The pack.
    """
    match error:
        case ModuleNotFoundError(name=str() as module):
            what = f"module {module!r} is not installed"
        case PackFormError():
            return str(error)
        case SystemExit():
            what = f"it called sys.exit({error.code!r})"
        case SyntaxError():
            what = f"SyntaxError: {error.msg}"
        case _:
            what = f"{type(error).__name__}: {_first_line(error)}"
    place = _place(error, pack)
    return f"{what} ({place})" if place else what


def _first_line(error: BaseException) -> str:
    try:
        lines = str(error).strip().splitlines()
    except Exception as unprintable:  # noqa: BLE001 - the error is code of the pack, and so is its __str__
        return f"it cannot be printed: {type(unprintable).__name__}"
    return lines[0] if lines else "no message"


def _place(error: BaseException, pack: Pack) -> str:
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_relative_to(pack.path):
        return f"{_relative(error.filename, pack)}:{error.lineno}"
    own = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(pack.path)
    ]
    return f"{_relative(own[-1].filename, pack)}:{own[-1].lineno}" if own else ""


def _relative(file: str, pack: Pack) -> str:
    return Path(file).relative_to(pack.path.parent).as_posix()
