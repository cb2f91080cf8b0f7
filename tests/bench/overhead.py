"""What the whole mesh costs: pictures and clips through it against the same ones in one process, back to back."""

from functools import partial

from tests.bench.clip import clip_of, clip_parameters, video_catalogue
from tests.bench.companion import Companion
from tests.bench.contest import Contest, Work
from tests.bench.direct import ROOT, parameters_of, request_with
from tests.bench.peer import diffusers_peer
from tests.bench.rows import Row, Target
from tests.mesh.running_mesh import RunningMesh

JOB_S = 0.15
TARGET, CLIP_TARGET = Target(1.05), Target(1.03)


def measure_overhead(mesh: RunningMesh, key: str, *, threads: int, rounds: int, jobs: int) -> list[Row]:
    """Of pictures. `threads` are torch's, on both sides."""
    folder = ROOT / "models" / "demo-image"
    with (
        Companion.running("tests.bench.direct", threads=threads) as direct,
        diffusers_peer("diffusers_pictures.py", folder, threads=threads) as peer,
    ):
        steps = steps_for(direct, threads)
        size = request_with(steps, 0).width_px
        work = Work(
            path="/api/v1/images/generate",
            parameters=lambda seed: parameters_of(request_with(steps, seed)),
            direct={
                "engine": partial(direct.ask, steps=steps),
                "diffusers": partial(peer.ask, steps=steps, size=size),
            },
            callers=4,
        )
        what = f"{steps} step{'' if steps == 1 else 's'} on {_cores(threads)}"
        return Contest(mesh, key, work, jobs=jobs).rows(what, rounds=rounds, target=TARGET)


def measure_clip_overhead(mesh: RunningMesh, key: str, *, threads: int, rounds: int, jobs: int) -> list[Row]:
    """Of clips: the demo model's own, as MP4, of a second or so each."""
    folder = ROOT / "models" / "demo-video"
    with (
        Companion.running("tests.bench.direct_clip", threads=threads) as direct,
        diffusers_peer("diffusers_clips.py", folder, threads=threads) as peer,
    ):
        clip = clip_of(video_catalogue(), 0)
        as_the_peer_is_asked = {
            "size": clip.request.width_px, "frames": clip.request.frames, "steps": clip.request.steps,
            "guidance_scale": clip.request.guidance_scale, "fps": round(clip.frame_rate_hz),
        }  # fmt: skip
        work = Work(
            path="/api/v1/videos/generate",
            parameters=clip_parameters,
            direct={"engine": direct.ask, "diffusers": partial(peer.ask, **as_the_peer_is_asked)},
            callers=2,
        )
        what = f"clip on {_cores(threads)}"
        return Contest(mesh, key, work, jobs=jobs).rows(what, rounds=rounds, target=CLIP_TARGET)


def steps_for(direct: Companion, threads: int) -> int:
    """Denoising steps of a job of about JOB_S in process, were this machine otherwise idle (by processor time)."""
    few, many = 1, 11
    less_s, more_s = (min(float(direct.ask(steps=steps, seeds=[0])[1]) for _ in range(5)) for steps in (few, many))
    step_s = (more_s - less_s) / (many - few)
    return max(1, round(few + (JOB_S * threads - less_s) / step_s))


def _cores(count: int) -> str:
    return f"{count} core{'' if count == 1 else 's'}"
