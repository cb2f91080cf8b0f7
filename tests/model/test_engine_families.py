"""Stable Diffusion and Stable Diffusion XL in their own layout, as small random models made here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.model.small_models import stable_diffusion, stable_diffusion_xl, unet

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.denoising import StepReport
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.engine.results import Pixels
from atelier_diffusion.policy.model_card import ModelCard, ModelDefaults
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.request import ImageRequest
from atelier_diffusion.torch_backend.local_engine import open_engine

REQUEST = ImageRequest("a green star", "a boat", 64, 96, 4, 5.0, 3, "EULER")


@contextmanager
def engine_on(folder: Path) -> Iterator[ImageEngine]:
    defaults = ModelDefaults(64, 64, 2, 5.0, "EULER")
    card = ModelCard("m", "M", ModelSource("path", str(folder)), "r", folder, defaults)
    opened = open_engine(Catalogue([card], "m"), device="cpu", threads=1)
    yield opened
    opened.close()


@pytest.mark.parametrize("family", [stable_diffusion, stable_diffusion_xl])
@pytest.mark.parametrize(
    "request_", [REQUEST, replace(REQUEST, negative_prompt=""), replace(REQUEST, guidance_scale=1)]
)
def test_the_picture_is_the_pipelines_own(
    engine: ImageEngine, demo_catalogue: Catalogue, tmp_path: Path, family: Any, request_: ImageRequest
) -> None:
    import torch

    demo = demo_catalogue.default.folder
    assert demo is not None
    pipe = family(demo)
    pipe.save_pretrained(tmp_path)
    pipe.set_progress_bar_config(disable=True)
    (image,) = pipe(
        request_.prompt,
        negative_prompt=request_.negative_prompt or None,
        width=request_.width_px,
        height=request_.height_px,
        num_inference_steps=request_.steps,
        guidance_scale=request_.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(request_.seed),
    ).images
    previews: list[Pixels] = []

    def keep(report: StepReport) -> bool:
        if report.preview is not None:
            previews.append(report.preview())
        return True

    with engine_on(tmp_path) as opened:
        (picture,) = opened.generate(request_, on_step=keep)
    assert picture.pixels.shape == (96, 64, 3)
    assert np.abs(picture.pixels.astype(int) - np.asarray(image).astype(int)).max() <= 1
    assert [preview.shape for preview in previews] == [(96, 64, 3)] * 4


def test_a_model_that_needs_more_than_a_prompt_is_unsupported(
    engine: ImageEngine, demo_catalogue: Catalogue, tmp_path: Path
) -> None:
    from atelier_diffusion.policy.errors import ModelLoadError

    demo = demo_catalogue.default.folder
    assert demo is not None
    pipe = stable_diffusion(demo)
    pipe.register_modules(unet=unet(cross_attention_dim=32, in_channels=9))
    pipe.save_pretrained(tmp_path)
    with engine_on(tmp_path) as opened, pytest.raises(ModelLoadError) as refused:
        opened.load("m")
    assert refused.value.reason == "MODEL_UNSUPPORTED"
