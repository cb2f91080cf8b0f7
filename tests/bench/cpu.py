"""Whose processor time goes into a picture."""

from collections.abc import Iterator

import psutil

from tests.mesh.running_mesh import RunningMesh


def processes(mesh: RunningMesh) -> Iterator[tuple[str, psutil.Process]]:
    """Every process of a mesh; what one started for itself has the same name with `+` behind it."""
    for pid_file in sorted((mesh.state_dir / "run").glob("*.pid")):
        process = psutil.Process(int(pid_file.read_text()))
        yield pid_file.stem, process
        for child in process.children(recursive=True):
            yield f"{pid_file.stem}+", child


def cpu_seconds(mesh: RunningMesh) -> dict[str, float]:
    """What each process of a mesh has used since its start."""
    used: dict[str, float] = {}
    for name, process in processes(mesh):
        times = process.cpu_times()
        used[name] = used.get(name, 0.0) + times.user + times.system
    return used
