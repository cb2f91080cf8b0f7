"""Measures, in a process of its own, what denoising and decoding a clip take: `python -m … FOLDER FRAMES PART`.

Prints one number of bytes: the peak of resident memory over what it was before. `PART` is `denoise` or `decode`, or
`whole` for a pipeline that is called; `left` is no peak, but what is resident when all steps are done. Each wants a
fresh process, for the allocator keeps what another has left.
"""

import sys
from pathlib import Path

from atelier_diffusion.policy.model_card import ModelCard, ModelDefaults
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.request import VideoRequest
from atelier_diffusion.torch_backend.clip_loop import DiffusersClipLoop
from atelier_diffusion.torch_backend.device import Device, set_threads
from atelier_diffusion.torch_backend.pipeline_store import DiffusersClipStore
from atelier_diffusion.weights.hub import Hub
from atelier_diffusion.weights.model_revisions import ModelRevisions

AT_ONCE = 4


def request(frames: int, side_px: int = 128) -> VideoRequest:
    """A clip with guidance."""
    return VideoRequest(
        prompt="", negative_prompt="", width_px=side_px, height_px=side_px, frames=frames, steps=2,
        guidance_scale=5.0, seed=0, scheduler="EULER",
    )  # fmt: skip


def card_of(folder: Path) -> ModelCard:
    """A card of the video model in a folder."""
    return ModelCard("m", "M", ModelSource("path", str(folder)), "r", folder, ModelDefaults(), kind="video")


def _resident_bytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def _begin() -> int:
    """The peak begins anew: what is in use now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _resident_bytes("VmRSS")


def main(folder: Path, frames: int, part: str) -> None:
    """Prints the peak."""
    set_threads(1)
    loop = DiffusersClipStore(Device.choose("cpu"), Hub(), ModelRevisions()).locate(card_of(folder)).load()
    if not isinstance(loop, DiffusersClipLoop):
        loop.draw(request(9, 32), lambda _: True)
        before = _begin()
        loop.draw(request(frames), lambda _: True)
        print(_resident_bytes("VmHWM") - before)  # noqa: T201
        return
    warm = loop.prepare(request(2, 32))  # reads in the code that will run
    loop.step([warm])
    loop.decode(warm, 0, 1)
    if part == "left":
        before = _begin()
        loop.draw(request(frames), lambda _: True)
        print(_resident_bytes("VmRSS") - before)  # noqa: T201
        return
    state = loop.prepare(request(frames))
    before = _begin()
    if part == "denoise":
        loop.step([state])
    else:
        loop.decode(state, 0, AT_ONCE)
    print(_resident_bytes("VmHWM") - before)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
