"""What each process of a mesh holds while it has nothing to do."""

from collections import defaultdict
from pathlib import Path

from tests.bench.cpu import processes
from tests.bench.rows import Row, Spread, Target
from tests.mesh.running_mesh import RunningMesh

MB = 1e6
API, WORKER = Target(150), Target(900)
_TARGETS = {
    "atelier-auth": API, "atelier-storage": API, "atelier-image": API, "atelier-video": API,
    "atelier-events": API, "atelier-image-worker": WORKER, "atelier-video-worker": WORKER,
}  # fmt: skip


def measure_memory(mesh: RunningMesh) -> list[Row]:
    """Resident megabytes of each process with those that it started, and their share of what processes share (PSS).

    Raises RuntimeError when an API process has torch in its memory.
    """
    rss: dict[str, float] = defaultdict(float)
    pss: dict[str, float] = defaultdict(float)
    with_torch: set[str] = set()
    for name, process in processes(mesh):
        program = name.rstrip("+")
        if "libtorch" in Path(f"/proc/{process.pid}/maps").read_text():
            with_torch.add(program)
        memory = process.memory_full_info()
        rss[program] += memory.rss / MB
        pss[program] += memory.pss / MB
    if wrong := sorted(program for program in with_torch if _TARGETS.get(program) is API):
        raise RuntimeError(f"{', '.join(wrong)} has loaded torch")
    rows = [
        Row(
            name=f"memory: {program}", value=Spread.of([rss[program]]), unit="MB", target=_TARGETS.get(program),
            ours=f"{pss[program]:.0f} MB PSS{', with torch' if program in with_torch else ''}",
            rounds={"rss_mb": [rss[program]], "pss_mb": [pss[program]]},
        )
        for program in rss
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row.target is None)
