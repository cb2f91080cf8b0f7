"""Whose processor time goes into a picture."""

import psutil

from tests.mesh.running_mesh import RunningMesh


def cpu_seconds(mesh: RunningMesh) -> dict[str, float]:
    """What each process of a mesh has used since its start."""
    used = {}
    for pid_file in (mesh.state_dir / "run").glob("*.pid"):
        times = psutil.Process(int(pid_file.read_text())).cpu_times()
        used[pid_file.stem] = times.user + times.system
    return used
