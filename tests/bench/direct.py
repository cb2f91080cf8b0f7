"""The same pictures without the mesh: a process that draws and encodes and does nothing else."""

import io
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from atelier_diffusion.catalogue import read_catalogue
from atelier_diffusion.encode import encode_picture
from atelier_diffusion.engine import ImageEngine
from atelier_diffusion.local import open_engine
from atelier_diffusion.request import ImageRequest
from tests.bench.companion import answer_questions

ROOT = Path(__file__).resolve().parents[2]
Draw = Callable[[ImageRequest], bytes]


def parameters_of(request: ImageRequest) -> dict[str, Any]:
    """The request as REST takes it."""
    names = ("prompt", "negative_prompt", "width_px", "height_px", "steps", "guidance_scale", "seed", "scheduler")
    return {name: getattr(request, name) for name in names}


def drawn_by_engine(engine: ImageEngine) -> Draw:
    """Our engine and our PNG."""

    def draw(request: ImageRequest) -> bytes:
        (picture,) = engine.generate(request)
        return encode_picture(picture.pixels, "PNG", parameters_of(request))

    return draw


def drawn_by_diffusers(folder: Path) -> Draw:
    """The pipeline as diffusers loads and calls it, and Pillow's PNG. Torch is set up by the engine before."""
    import torch
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

    from atelier_diffusion.scheduler import new_scheduler

    pipe: Any = StableDiffusionPipeline.from_pretrained(
        folder, dtype=torch.float32, safety_checker=None, requires_safety_checker=False,
        feature_extractor=None, image_encoder=None,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    own = pipe.scheduler

    def draw(request: ImageRequest) -> bytes:
        pipe.scheduler = new_scheduler(request.scheduler, own, request.steps)
        (image,) = pipe(
            request.prompt,
            negative_prompt=request.negative_prompt,
            width=request.width_px,
            height=request.height_px,
            num_inference_steps=request.steps,
            guidance_scale=request.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(request.seed),
        ).images
        target = io.BytesIO()
        image.save(target, "PNG", compress_level=6)
        return target.getvalue()

    return draw


def request_with(steps: int, seed: int) -> ImageRequest:
    """A job of the benchmark: the demo model's own size, guidance and scheduler."""
    return ImageRequest("a red circle on a blue background", "", 256, 256, steps, 3.0, seed, "DDIM")


def main() -> None:
    """Answers {"by", "steps", "seeds"} with the seconds and CPU seconds of all these pictures, one after the other."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # it tells at length what it does without torchvision
    catalogue = read_catalogue(ROOT / "models" / "catalogue.yaml", root=ROOT)
    engine = open_engine(catalogue, device="cpu", threads=json.loads(sys.argv[1])["threads"])
    engine.warm_up()
    folder = catalogue.default.folder
    assert isinstance(folder, Path)
    ways = {"engine": drawn_by_engine(engine), "diffusers": drawn_by_diffusers(folder)}

    def answer(question: Mapping[str, Any]) -> tuple[float, float]:
        draw, steps = ways[question["by"]], question["steps"]
        started, started_cpu = time.perf_counter(), time.process_time()
        for seed in question["seeds"]:
            draw(request_with(steps, seed))
        return time.perf_counter() - started, time.process_time() - started_cpu

    answer_questions(answer)


if __name__ == "__main__":
    main()
