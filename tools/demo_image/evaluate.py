"""Measure a model folder on held-out prompts: which share of the pictures shows everything that was asked for.

    python -m tools.demo_image.evaluate models/demo-image --out /tmp/evaluation

Writes `result.json` and `sheet.png` (a caption in red names what is wrong). Picture i has the seed `--seed` + i, so
two runs on one machine give the same pictures.
"""

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

from tools.demo_image import scorer, world
from tools.demo_image.contact_sheet import Tile, contact_sheet
from tools.demo_image.prompts import plain_prompt, varied_prompt
from tools.demo_image.schedulers import SCHEDULERS, build_sampler
from tools.demo_image.world import Pixels, ShapeSpec, Spec

BATCH = 10


@dataclass(frozen=True)
class Judged:
    """One picture with the wish behind it and the scorer's answers."""

    spec: Spec
    prompt: str
    pixels: Pixels
    answers: dict[str, bool]

    @property
    def right(self) -> bool:
        return all(self.answers.values())


def held_out_specs(singles: int, scenes: int, seed: int) -> list[Spec]:
    """Draw that many held-out specs; shapes and sizes come equally often."""
    rng = random.Random(seed)
    shape_pool = [spec for spec in world.all_shape_specs() if world.is_held_out(spec)]
    scene_pool = [spec for spec in world.all_scene_specs() if world.is_held_out(spec)]
    specs: list[Spec] = []
    for i in range(singles):
        shape = world.SHAPES[i % len(world.SHAPES)]
        size = world.SIZES[i // len(world.SHAPES) % len(world.SIZES)]
        specs.append(rng.choice([spec for spec in shape_pool if spec.shape == shape and spec.size == size]))
    rng.shuffle(scene_pool)
    return specs + [scene_pool[i % len(scene_pool)] for i in range(scenes)]


def load_pipeline(folder: Path) -> StableDiffusionPipeline:
    """Load a model folder in single precision, for the CPU, without progress bars."""
    pipeline: Any = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.unet.to(memory_format=torch.channels_last)
    pipeline.vae.to(memory_format=torch.channels_last)
    loaded: StableDiffusionPipeline = pipeline
    return loaded


def generate(
    pipeline: StableDiffusionPipeline, prompts: Sequence[str], steps: int, guidance_scale: float, seed: int
) -> Iterator[Pixels]:
    """Make one (256, 256, 3) picture of each prompt; picture i has the seed `seed` + i."""
    for start in range(0, len(prompts), BATCH):
        batch = list(prompts[start : start + BATCH])
        generators = [torch.Generator().manual_seed(seed + start + i) for i in range(len(batch))]
        images = pipeline(
            batch,
            num_inference_steps=steps,
            guidance_scale=guidance_scale,
            generator=generators,
            output_type="np",
        ).images
        yield from np.rint(images * 255).astype(np.uint8)


def judge(
    pipeline: StableDiffusionPipeline,
    specs: Sequence[Spec],
    prompts: Sequence[str],
    steps: int,
    guidance_scale: float,
    seed: int,
) -> list[Judged]:
    """Make and score one picture of each spec."""
    pictures = generate(pipeline, prompts, steps, guidance_scale, seed)
    return [
        Judged(spec, prompt, pixels, scorer.score(spec, pixels))
        for spec, prompt, pixels in zip(specs, prompts, pictures, strict=True)
    ]


def summary(judged: Sequence[Judged]) -> dict[str, Any]:
    """Shares of right answers: over all attributes by kind of picture, by shape, by size and by attribute."""
    groups: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for item in judged:
        kind = "single" if isinstance(item.spec, ShapeSpec) else "scene"
        groups["kind"][kind].append(item.right)
        if isinstance(item.spec, ShapeSpec):
            groups["shape"][item.spec.shape].append(item.right)
            groups["size"][item.spec.size or "default"].append(item.right)
        else:
            groups["subject"][item.spec.subject].append(item.right)
        for attribute, answer in item.answers.items():
            groups[f"{kind} attribute"][attribute].append(answer)
    return {
        group: {name: {"right": round(float(np.mean(a)), 3), "of": len(a)} for name, a in members.items()}
        for group, members in groups.items()
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--singles", type=int, default=216)
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance-scale", type=float, default=2.5)
    parser.add_argument("--sampler", choices=sorted(SCHEDULERS), default="DDIM")
    parser.add_argument("--varied", action="store_true", help="ask in varied words instead of the plain ones")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    pipeline = load_pipeline(arguments.model)
    pipeline.scheduler = build_sampler(arguments.sampler, pipeline.scheduler.config)
    specs = held_out_specs(arguments.singles, arguments.scenes, arguments.seed)
    rng = random.Random(arguments.seed)
    prompts = [varied_prompt(spec, rng) if arguments.varied else plain_prompt(spec) for spec in specs]
    started = time.perf_counter()
    judged = judge(pipeline, specs, prompts, arguments.steps, arguments.guidance_scale, arguments.seed)
    result = {
        "model": str(arguments.model),
        "steps": arguments.steps,
        "guidance_scale": arguments.guidance_scale,
        "sampler": arguments.sampler,
        "varied": arguments.varied,
        "seed": arguments.seed,
        "seconds_a_picture": round((time.perf_counter() - started) / len(specs), 3),
        **summary(judged),
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    tiles = [
        Tile(item.pixels, item.prompt, [name for name, answer in item.answers.items() if not answer]) for item in judged
    ]
    contact_sheet(tiles, columns=12, tile_px=128).save(arguments.out / "sheet.png")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
