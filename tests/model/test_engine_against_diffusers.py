"""The engine makes what diffusers' own pipeline call makes, so that nobody is surprised."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.engine.results import Pixels
from atelier_diffusion.policy.request import ImageRequest, SchedulerName
from atelier_diffusion.policy.scheduler_choice import BETAS_SCHEDULERS

REQUEST = ImageRequest("a green star on a white background", "", 256, 192, 6, 3.0, 11, "DDIM")


@pytest.fixture(scope="module")
def pipe(engine: ImageEngine, demo_catalogue: Catalogue) -> Any:
    """The demo model as diffusers loads it."""
    import torch
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

    folder = demo_catalogue.default.folder
    assert isinstance(folder, Path)
    loaded: Any = StableDiffusionPipeline.from_pretrained(
        folder, dtype=torch.float32, safety_checker=None, requires_safety_checker=False,
        feature_extractor=None, image_encoder=None,
    )  # fmt: skip
    loaded.set_progress_bar_config(disable=True)
    return loaded


def drawn_by_diffusers(pipe: Any, request: ImageRequest) -> Pixels:
    import torch

    from atelier_diffusion.torch_backend.noise_schedulers import new_scheduler

    own = pipe.scheduler
    pipe.scheduler = new_scheduler(request.scheduler, own, request.steps)
    pipe.scheduler.noise_sampler_seed = request.seed
    (image,) = pipe(
        request.prompt,
        negative_prompt=request.negative_prompt,
        width=request.width_px,
        height=request.height_px,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(request.seed),
    ).images
    pipe.scheduler = own
    return np.asarray(image)


@pytest.mark.filterwarnings("ignore:Should have t[ab]")  # diffusers' Brownian tree rounds its bounds
@pytest.mark.parametrize("scheduler", BETAS_SCHEDULERS)
@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
def test_the_picture_is_the_pipelines_own(
    engine: ImageEngine, pipe: Any, scheduler: SchedulerName, guidance_scale: float
) -> None:
    request = ImageRequest(
        "a green star on a white background", "a red circle", 256, 192, 6, guidance_scale, 11, scheduler
    )
    ours = engine.generate(request)[0].pixels.astype(int)
    theirs = drawn_by_diffusers(pipe, request).astype(int)
    assert np.abs(ours - theirs).max() <= 1
