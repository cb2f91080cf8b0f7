"""A model that draws clips, and a job for it."""

from dataclasses import replace
from pathlib import Path

from atelier_diffusion.policy.model_card import ModelCard, ModelDefaults
from atelier_diffusion.policy.model_source import ModelSource
from atelier_jobs.domain.states import State
from atelier_video.domain.parameters import AskedVideo, resolve
from tests.unit.image.test_image_messages import QUEUED as QUEUED_IMAGE

CARD = ModelCard(
    id="demo-clips",
    display_name="Demo",
    source=ModelSource("path", "models/demo-clips"),
    revision="r1",
    folder=Path("/models/demo-clips"),
    defaults=ModelDefaults(
        width_px=96, height_px=64, steps=4, guidance_scale=2.0, scheduler="DDIM", frames=12, frame_rate_hz=8
    ),
    size_multiple_px=32,
    max_size_px=256,
    is_default=True,
    kind="video",
    max_frames=48,
)
PARAMETERS = resolve(AskedVideo(prompt="a red ball", metadata={"project": "balls"}), CARD, lambda: 7)
QUEUED = replace(QUEUED_IMAGE, kind="video", spec=PARAMETERS.to_bytes())
RUNNING = replace(QUEUED, state=State.RUNNING, epoch=4, attempt=1)
