"""The clips of the benchmark: the demo model's own size, frames, guidance and scheduler."""

from pathlib import Path
from typing import Any

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.catalogue.catalogue_file import read_catalogue
from atelier_media.clip_format import Container
from atelier_video.domain.parameters import AskedVideo, VideoParameters, resolve

ROOT = Path(__file__).resolve().parents[2]

LONG_MODEL = "demo-video-long"
# Beyond its frames the demo model knows nothing, but it draws: what a clip takes does not depend on what it shows.
LONG_MODEL_YAML = f"""models:
  {LONG_MODEL}:
    source: path:models/demo-video
    preview: pixel_shuffle
    max_frames: 256
"""


def video_catalogue(own: Path | None = None) -> Catalogue:
    """The video models that ship, and those of the file `own`."""
    return read_catalogue(ROOT / "models" / "catalogue.yaml", own, root=ROOT, kind="video")


def clip_of(catalogue: Catalogue, seed: int, container: Container = "MP4", **asked: Any) -> VideoParameters:
    """What a request gets that names a prompt and a seed only, but for what else is `asked`."""
    video = AskedVideo(prompt="a red ball moving right", seed=seed, container=container, **asked)
    return resolve(video, catalogue.get(video.model), lambda: seed)


def clip_parameters(seed: int) -> dict[str, Any]:
    """Such a request as REST takes it."""
    return {"prompt": "a red ball moving right", "seed": seed}
