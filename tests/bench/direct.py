"""The same pictures without the mesh: a process in which our engine draws and encodes, and nothing else is done."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from atelier_diffusion.catalogue.catalogue_file import read_catalogue
from atelier_diffusion.encoding.picture_file import encode_picture
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.policy.request import ImageRequest
from atelier_diffusion.torch_backend.local_engine import open_engine
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


def request_with(steps: int, seed: int) -> ImageRequest:
    """A job of the benchmark: the demo model's own size, guidance and scheduler."""
    return ImageRequest("a red circle on a blue background", "", 256, 256, steps, 3.0, seed, "DDIM")


def main() -> None:
    """Answers {"steps", "seeds"} with the seconds and CPU seconds of all these pictures, one after the other."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # it tells at length what it does without torchvision
    catalogue = read_catalogue(ROOT / "models" / "catalogue.yaml", root=ROOT)
    engine = open_engine(catalogue, device="cpu", threads=json.loads(sys.argv[1])["threads"])
    engine.warm_up()
    draw = drawn_by_engine(engine)

    def answer(question: Mapping[str, Any]) -> tuple[float, float]:
        steps = question["steps"]
        started, started_cpu = time.perf_counter(), time.process_time()
        for seed in question["seeds"]:
            draw(request_with(steps, seed))
        return time.perf_counter() - started, time.process_time() - started_cpu

    answer_questions(answer)


if __name__ == "__main__":
    main()
