"""The command in a terminal: a real pseudo-terminal of a given width."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path

_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>])")
_TIMEOUT_S = 120.0


def in_terminal(command: list[str], columns: int, folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """The exit code and everything that `command` wrote to its terminal of so many `columns`, escapes included."""
    leader, follower = pty.openpty()
    try:
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        kept = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
        process = subprocess.Popen(
            command, stdin=follower, stdout=follower, stderr=follower, cwd=folder, env=kept, start_new_session=True
        )
    finally:
        os.close(follower)
    written, deadline = b"", time.monotonic() + _TIMEOUT_S
    try:
        while select.select([leader], [], [], max(0.0, deadline - time.monotonic()))[0]:
            try:
                data = os.read(leader, 65_536)
            except OSError:  # EIO: the last process that had it open has ended
                break
            if not data:
                break
            written += data
        else:
            process.kill()
    finally:
        os.close(leader)
    return process.wait(), written.decode(errors="replace").replace("\r\n", "\n")


def without_escapes(text: str) -> str:
    """`text` as it stands on the screen, if nothing was overwritten."""
    return _ESCAPES.sub("", text)
