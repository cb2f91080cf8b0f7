"""What clips of some lengths take at their most, in the worker and in its engine process."""

import asyncio
from contextlib import closing
from pathlib import Path

from atelier_diffusion.engine.results import FrameChunk
from atelier_diffusion.remote.messages import StepDone
from atelier_diffusion.remote.remote_engine import RemoteEngine
from atelier_diffusion.torch_backend.local_engine import open_video_engine
from atelier_video.worker.clip_files import ClipFiles
from tests.bench.clip import LONG_MODEL, LONG_MODEL_YAML, clip_of, clip_parameters, video_catalogue
from tests.bench.contest import new_seeds
from tests.bench.cpu import processes
from tests.bench.rest import Rest
from tests.bench.rows import Row, Spread, Target
from tests.mesh.running_mesh import RunningMesh

MB = 1e6
FRAMES = (16, 64, 256)
STEPS = 2  # each takes as much as the others
FLAT = Target(1.1)


def peak_mb(pid: int) -> float:
    """The most that was resident since `forget_peak`."""
    (line,) = [x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / MB


def forget_peak(pid: int) -> None:
    """From now on. Linux; see proc(5)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def measure_clip_memory(mesh: RunningMesh, key: str, folder: Path) -> list[Row]:
    """The worker of a mesh that knows LONG_MODEL, and the engine process, once in its two phases by itself."""
    worker, drawing = [], []
    pids = [process.pid for name, process in processes(mesh) if name.rstrip("+") == "atelier-video-worker"]
    with Rest(mesh.url, {"X-Api-Key": key}) as rest:
        for frames in (FRAMES[0], *FRAMES):  # the first one warms
            for pid in pids:
                forget_peak(pid)
            asked = {"model": LONG_MODEL, "frames": frames, "steps": STEPS}
            rest.clip(clip_parameters(new_seeds(1)[0]) | asked)
            own, child = map(peak_mb, pids)
            worker.append(own)
            drawing.append(child)
    denoising, decoding = asyncio.run(_by_phase(folder))
    return [
        _row("atelier-video-worker", worker[1:], FLAT),
        _row("the engine process, decoding", decoding, FLAT),
        _row("the engine process, denoising", denoising),
        _row("the engine process, in the mesh", drawing[1:]),
    ]


async def _by_phase(folder: Path) -> tuple[list[float], list[float]]:
    """Peaks of the engine process: until the last step of a clip is made, and once its first frames are here (it
    does nothing while they are taken: so the one is over, and the other yet to come)."""
    own = folder / "models.yaml"
    own.write_text(LONG_MODEL_YAML)
    catalogue = video_catalogue(own)
    denoising, decoding = [], []
    async with RemoteEngine.open(open_video_engine, catalogue=catalogue, device="cpu") as engine:
        await engine.warm_up(LONG_MODEL)

        def step_done(done: StepDone) -> None:
            if done.step == done.steps:
                denoising.append(peak_mb(engine.pid))

        for frames in FRAMES:
            parameters = clip_of(catalogue, 0, model=LONG_MODEL, frames=frames, steps=STEPS)
            with closing(ClipFiles(folder / "clip", parameters, parameters.drawn())) as files:

                async def take(chunk: FrameChunk, files: ClipFiles = files) -> None:
                    if chunk.first_index == 0:
                        forget_peak(engine.pid)
                    await asyncio.to_thread(files.add, chunk.pixels)

                forget_peak(engine.pid)
                await engine.generate_clip(parameters.request, LONG_MODEL, on_frames=take, on_step=step_done)
                decoding.append(peak_mb(engine.pid))
    return denoising, decoding


def _row(what: str, peaks_mb: list[float], target: Target | None = None) -> Row:
    """How the longest clip's peak compares with the shortest one's."""
    return Row(
        name=f"peak memory, {', '.join(map(str, FRAMES))} frames: {what}",
        value=Spread.of([peaks_mb[-1] / peaks_mb[0]]),
        unit="×",
        target=target,
        ours=f"{', '.join(f'{peak:.0f}' for peak in peaks_mb)} MB",
        rounds={"peak_mb": peaks_mb},
    )
