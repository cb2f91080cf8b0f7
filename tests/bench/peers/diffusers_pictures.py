"""diffusers as its documentation calls it: `from_pretrained`, the pipeline, Pillow's PNG.

Run by path, with a folder of weights: `python diffusers_pictures.py FOLDER [THREADS]`. Nothing of Atelier is imported,
so that none of its settings reaches torch. Reads {"steps", "size", "seeds"} as JSON lines; writes [seconds, CPU
seconds].
"""

import io
import json
import sys
import time
from typing import Any

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

PROMPT = "a red circle on a blue background"


def load_pipeline(folder: str) -> Any:
    """The pipeline of `folder`, with the scheduler that the measured requests name."""
    pipe = StableDiffusionPipeline.from_pretrained(
        folder, dtype=torch.float32, safety_checker=None, requires_safety_checker=False,
        feature_extractor=None, image_encoder=None,
    )  # fmt: skip
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def draw(pipe: Any, *, steps: int, size: int, seed: int) -> bytes:
    """One square picture of `size` pixels as PNG."""
    generator = torch.Generator("cpu").manual_seed(seed)
    (image,) = pipe(
        PROMPT, width=size, height=size, num_inference_steps=steps, guidance_scale=3.0, generator=generator
    ).images
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


def main() -> None:
    """Entry point."""
    if len(sys.argv) > 2:
        torch.set_num_threads(int(sys.argv[2]))
    pipe = load_pipeline(sys.argv[1])
    for line in sys.stdin:
        question = json.loads(line)
        started, started_cpu = time.perf_counter(), time.process_time()
        for seed in question["seeds"]:
            draw(pipe, steps=question["steps"], size=question["size"], seed=seed)
        print(json.dumps([time.perf_counter() - started, time.process_time() - started_cpu]), flush=True)


if __name__ == "__main__":
    main()
