"""What the whole mesh costs: pictures and clips through it against the same ones in one process, back to back."""

from tests.bench.clip import clip_parameters
from tests.bench.companion import Companion
from tests.bench.contest import Contest, Work
from tests.bench.direct import parameters_of, request_with
from tests.bench.rows import Row, Target
from tests.mesh.running_mesh import RunningMesh

JOB_S = 0.15
TARGET, CLIP_TARGET = Target(1.05), Target(1.03)


def measure_overhead(mesh: RunningMesh, key: str, *, threads: int, rounds: int, jobs: int) -> list[Row]:
    """Of pictures. `threads` are torch's, on both sides."""
    with Companion.running("tests.bench.direct", threads=threads) as direct:
        steps = steps_for(direct, threads)
        work = Work(
            path="/api/v1/images/generate",
            parameters=lambda seed: parameters_of(request_with(steps, seed)),
            question={"steps": steps},
            callers=4,
        )
        what = f"{steps} step{'' if steps == 1 else 's'} on {_cores(threads)}"
        return Contest(mesh, key, direct, work, jobs=jobs).rows(what, rounds=rounds, target=TARGET)


def measure_clip_overhead(mesh: RunningMesh, key: str, *, threads: int, rounds: int, jobs: int) -> list[Row]:
    """Of clips: the demo model's own, as MP4, of a second or so each."""
    with Companion.running("tests.bench.direct_clip", threads=threads) as direct:
        work = Work(path="/api/v1/videos/generate", parameters=clip_parameters, question={}, callers=2)
        what = f"clip on {_cores(threads)}"
        return Contest(mesh, key, direct, work, jobs=jobs).rows(what, rounds=rounds, target=CLIP_TARGET)


def steps_for(direct: Companion, threads: int) -> int:
    """Denoising steps of a job of about JOB_S in process, were this machine otherwise idle (by processor time)."""
    few, many = 1, 11
    less_s, more_s = (
        min(float(direct.ask(by="engine", steps=steps, seeds=[0])[1]) for _ in range(5)) for steps in (few, many)
    )
    step_s = (more_s - less_s) / (many - few)
    return max(1, round(few + (JOB_S * threads - less_s) / step_s))


def _cores(count: int) -> str:
    return f"{count} core{'' if count == 1 else 's'}"
