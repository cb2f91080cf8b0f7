"""The machine that was measured on, and what else it was doing."""

import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

_LOOK_S = 2.0
_BUSY = 0.05


def describe_box() -> dict[str, Any]:
    """Before anything is measured: processor, memory, load, and the programs that others keep running."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "also_running": busy_programs(),
    }


def busy_programs() -> list[str]:
    """Processes that took more than a twentieth of a core over the last seconds, this one excepted."""
    watched = [p for p in psutil.process_iter(["name", "nice"]) if p.pid != os.getpid()]
    for process in watched:
        _share(process)
    time.sleep(_LOOK_S)
    shares = sorted(((_share(p), p.info["name"], p.info["nice"]) for p in watched), reverse=True)
    return [f"{name} (nice {nice}): {share:.0%} of a core" for share, name, nice in shares if share > _BUSY]


def _share(process: psutil.Process) -> float:
    """Of one core, since it was last asked."""
    try:
        return process.cpu_percent() / 100
    except psutil.Error:
        return 0.0  # it has ended


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
