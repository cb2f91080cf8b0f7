"""Output lines: writes what a host prints to the log, line by line and at a limited rate."""

import time

import structlog

_log = structlog.get_logger(__name__)

_LONGEST_LINE = 2000
_LINES_PER_S = 50
_BURST = 500


class OutputLines:
    """Writes the output of one host to the log: lines are cut, and those beyond a rate are counted."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._rest = b""
        self._allowed = float(_BURST)
        self._refilled = time.monotonic()
        self._dropped = 0
        self.last = ""

    def take(self, piece: bytes) -> None:
        """Takes the next piece of output."""
        *lines, rest = (self._rest + piece).replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._write(line)
        if len(rest) > _LONGEST_LINE:
            self._write(rest)
            rest = b""
        self._rest = rest

    def end(self) -> None:
        """Writes what is left when the output has ended."""
        self._write(self._rest)
        self._rest = b""
        self._report_dropped()

    def _write(self, line: bytes) -> None:
        text = "".join(c if c.isprintable() else " " for c in line[:_LONGEST_LINE].decode(errors="replace")).rstrip()
        if not text:
            return
        self.last = text
        now = time.monotonic()
        self._allowed = min(_BURST, self._allowed + (now - self._refilled) * _LINES_PER_S)
        self._refilled = now
        if self._allowed < 1:
            self._dropped += 1
            return
        self._report_dropped()
        self._allowed -= 1
        _log.info("a node host printed", host=self._pid, line=text)

    def _report_dropped(self) -> None:
        if self._dropped:
            _log.warning("a node host prints too much", host=self._pid, lines_left_out=self._dropped)
            self._dropped = 0
