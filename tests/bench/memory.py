"""What each process of a mesh holds while it has nothing to do."""

from pathlib import Path

import psutil

from tests.bench.rows import Row, Spread, Target
from tests.mesh.running_mesh import RunningMesh

MB = 1e6
API, WORKER = Target(150), Target(900)
_TARGETS = {
    "atelier-auth": API, "atelier-storage": API, "atelier-image": API, "atelier-events": API,
    "atelier-image-worker": WORKER,
}  # fmt: skip


def measure_memory(mesh: RunningMesh) -> list[Row]:
    """Resident megabytes of each process, and its proportional share of what processes share (PSS).

    Raises RuntimeError when an API process has torch in its memory.
    """
    rows = []
    for pid_file in sorted((mesh.state_dir / "run").glob("*.pid")):
        name, pid = pid_file.stem, int(pid_file.read_text())
        torch = "libtorch" in Path(f"/proc/{pid}/maps").read_text()
        if torch and _TARGETS.get(name) is API:
            raise RuntimeError(f"{name} has loaded torch")
        memory = psutil.Process(pid).memory_full_info()
        rss, pss = memory.rss / MB, memory.pss / MB
        text = f"{pss:.0f} MB PSS{', with torch' if torch else ''}"
        rows.append(
            Row(
                name=f"memory: {name}", value=Spread.of([rss]), unit="MB", target=_TARGETS.get(name), ours=text,
                rounds={"rss_mb": [rss], "pss_mb": [pss]},
            )
        )  # fmt: skip
    return sorted(rows, key=lambda row: row.target is None)
