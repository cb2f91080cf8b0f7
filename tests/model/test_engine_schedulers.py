"""Models whose own scheduler is of another family than Stable Diffusion's; small random ones, made here."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.model.small_models import stable_diffusion
from tests.model.test_engine_families import engine_on

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.catalogue.catalogue_file import read_catalogue
from atelier_diffusion.engine.denoising import StepReport
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.policy.errors import EngineError, ModelLoadError
from atelier_diffusion.policy.request import ImageRequest, SchedulerName

REQUEST = ImageRequest("a green star", "", 64, 64, 4, 1.5, 3, "EULER")
Saved = Callable[..., tuple[Any, Path]]


@pytest.fixture
def saved(engine: ImageEngine, demo_catalogue: Catalogue, tmp_path: Path) -> Saved:
    """A pipeline with a scheduler of that class, and the folder that it was saved to."""
    demo = demo_catalogue.default.folder
    assert demo is not None

    def save(scheduler: str, **config: Any) -> tuple[Any, Path]:
        import diffusers

        pipe = stable_diffusion(demo, getattr(diffusers, scheduler)(**config))
        pipe.save_pretrained(tmp_path)
        return pipe, tmp_path

    return save


def card_of(folder: Path) -> Any:
    (folder / "catalogue.yaml").write_text(f"default: m\nmodels: {{m: {{source: 'path:{folder}'}}}}\n")
    return read_catalogue(folder / "catalogue.yaml", root=folder).default


@pytest.mark.parametrize(
    ("scheduler", "name"),
    [
        ("EDMEulerScheduler", "EULER"),
        ("EDMDPMSolverMultistepScheduler", "DPMPP_2M"),
        ("LCMScheduler", "LCM"),
        ("EulerDiscreteScheduler", "EULER"),
    ],
)
def test_a_model_is_drawn_with_its_own_scheduler_as_diffusers_does(
    saved: Saved, scheduler: str, name: SchedulerName
) -> None:
    import torch

    pipe, folder = saved(scheduler)
    pipe.set_progress_bar_config(disable=True)
    (image,) = pipe(
        REQUEST.prompt, width=64, height=64, num_inference_steps=4, guidance_scale=1.5,
        generator=torch.Generator("cpu").manual_seed(3),
    ).images  # fmt: skip
    assert card_of(folder).defaults.scheduler == name
    previews: list[object] = []

    def keep(report: StepReport) -> bool:
        if report.preview is not None:
            previews.append(report.preview())
        return True

    with engine_on(folder) as opened:
        (picture,) = opened.generate(replace(REQUEST, scheduler=name), on_step=keep)
    assert np.abs(picture.pixels.astype(int) - np.asarray(image).astype(int)).max() <= 1
    assert len(previews) == 4


@pytest.mark.parametrize(
    ("own", "asked", "steps"),
    [
        ("EDMEulerScheduler", "DDIM", 4),
        ("EDMDPMSolverMultistepScheduler", "LCM", 4),
        ("LCMScheduler", "DPMPP_2M", 4),
        ("LCMScheduler", "LCM", 60),
        ("PNDMScheduler", "LCM", 4),
    ],
)
def test_another_family_is_refused_and_not_drawn_wrongly(
    saved: Saved, own: str, asked: SchedulerName, steps: int
) -> None:
    _, folder = saved(own)
    with engine_on(folder) as opened, pytest.raises(EngineError) as refused:
        opened.generate(replace(REQUEST, scheduler=asked, steps=steps))
    assert refused.value.reason == "INVALID_REQUEST"
    assert "only, not with" in refused.value.message or "in at most 50" in refused.value.message


def test_an_unknown_scheduler_makes_the_model_unsupported(saved: Saved) -> None:
    _, folder = saved("TCDScheduler")
    with engine_on(folder) as opened, pytest.raises(ModelLoadError, match="TCDScheduler") as refused:
        opened.load("m")
    assert refused.value.reason == "MODEL_UNSUPPORTED"


@pytest.mark.parametrize("guidance_scale", [0.0, 0.5])
def test_no_guidance_has_several_numbers(saved: Saved, guidance_scale: float) -> None:
    _, folder = saved("DDIMScheduler")
    with engine_on(folder) as opened:
        (without,) = opened.generate(replace(REQUEST, guidance_scale=1.0))
        (also,) = opened.generate(replace(REQUEST, guidance_scale=guidance_scale))
    assert np.array_equal(without.pixels, also.pixels)
