"""Measure a model folder on held-out prompts: which share of the clips shows everything that was asked for.

    python -m tools.demo_video.evaluate models/demo-video --out /tmp/evaluation

Writes `result.json` and `sheet.png` (16 frames of each clip, row by row; a caption in red names what is wrong). Clip i
has the seed `--seed` + i, so two runs on one machine give the same clips.
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
from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_synth import TextToVideoSDPipeline

from tools.demo_image.contact_sheet import Tile, contact_sheet
from tools.demo_image.world import Pixels
from tools.demo_video import scorer, world
from tools.demo_video.prompts import plain_prompt, varied_prompt
from tools.demo_video.world import Clip, ClipSpec

BATCH = 4
SHEET_CLIPS = 48


@dataclass(frozen=True)
class Judged:
    """One clip with the wish behind it and the scorer's answers."""

    spec: ClipSpec
    prompt: str
    clip: Clip
    answers: dict[str, bool]

    @property
    def right(self) -> bool:
        return all(self.answers.values())


def held_out_specs(count: int, seed: int) -> list[ClipSpec]:
    """Draw that many held-out specs; pairs of a shape and a direction come equally often."""
    rng = random.Random(seed)
    pool = [spec for spec in world.all_specs() if world.is_held_out(spec)]
    pairs = [(shape, direction) for shape in world.SHAPES for direction in world.DIRECTIONS]
    return [
        rng.choice([spec for spec in pool if (spec.shape, spec.direction) == pairs[i % len(pairs)]])
        for i in range(count)
    ]


def load_pipeline(folder: Path) -> TextToVideoSDPipeline:
    """Load a model folder in single precision, for the CPU, without progress bars."""
    constructor: Any = TextToVideoSDPipeline
    pipeline = constructor.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    loaded: TextToVideoSDPipeline = pipeline
    return loaded


def generate(
    pipeline: TextToVideoSDPipeline, prompts: Sequence[str], steps: int, guidance_scale: float, seed: int
) -> Iterator[Clip]:
    """Make one (16, 128, 128, 3) clip of each prompt; clip i has the seed `seed` + i."""
    for start in range(0, len(prompts), BATCH):
        batch = list(prompts[start : start + BATCH])
        generators = [torch.Generator().manual_seed(seed + start + i) for i in range(len(batch))]
        made: Any = pipeline(
            batch,
            num_frames=world.FRAMES,
            num_inference_steps=steps,
            guidance_scale=guidance_scale,
            generator=generators,
            output_type="np",
        )
        yield from np.rint(made.frames * 255).astype(np.uint8)


def judge(
    pipeline: TextToVideoSDPipeline,
    specs: Sequence[ClipSpec],
    prompts: Sequence[str],
    steps: int,
    guidance_scale: float,
    seed: int,
) -> list[Judged]:
    """Make and score one clip of each spec."""
    clips = generate(pipeline, prompts, steps, guidance_scale, seed)
    return [
        Judged(spec, prompt, clip, scorer.score(spec, clip))
        for spec, prompt, clip in zip(specs, prompts, clips, strict=True)
    ]


def summary(judged: Sequence[Judged]) -> dict[str, Any]:
    """Counts of right answers: over all attributes in total, by shape, direction, colour, and by attribute."""
    groups: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for item in judged:
        groups["clips"]["all"].append(item.right)
        groups["shape"][item.spec.shape].append(item.right)
        groups["direction"][item.spec.direction].append(item.right)
        groups["color"][item.spec.color].append(item.right)
        groups["motion by direction"][item.spec.direction].append(item.answers["motion"])
        groups["color by color"][item.spec.color].append(item.answers["color"])
        for attribute, answer in item.answers.items():
            groups["attribute"][attribute].append(answer)
    return {
        group: {name: {"right": sum(answers), "of": len(answers)} for name, answers in members.items()}
        for group, members in groups.items()
    }


def mosaic(clip: Clip) -> Pixels:
    """All 16 frames in one picture, four to a row."""
    frames = np.pad(clip, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=128)
    rows = [np.concatenate(list(frames[start : start + 4]), axis=1) for start in range(0, len(frames), 4)]
    return np.concatenate(rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=144)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--guidance-scale", type=float, default=2.0)
    parser.add_argument("--varied", action="store_true", help="ask in varied words instead of the plain ones")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    pipeline = load_pipeline(arguments.model)
    specs = held_out_specs(arguments.clips, arguments.seed)
    rng = random.Random(arguments.seed)
    prompts = [varied_prompt(spec, rng) if arguments.varied else plain_prompt(spec) for spec in specs]
    started = time.process_time()
    judged = judge(pipeline, specs, prompts, arguments.steps, arguments.guidance_scale, arguments.seed)
    result = {
        "model": str(arguments.model),
        "steps": arguments.steps,
        "guidance_scale": arguments.guidance_scale,
        "varied": arguments.varied,
        "seed": arguments.seed,
        "cpu_seconds_a_clip_with_scoring": round((time.process_time() - started) / len(specs), 2),
        **summary(judged),
        "wrong": [
            f"{item.prompt}: {', '.join(name for name, answer in item.answers.items() if not answer)}"
            for item in judged
            if not item.right
        ],
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    shown = sorted(judged, key=lambda item: item.right)[:SHEET_CLIPS]
    tiles = [
        Tile(mosaic(item.clip), item.prompt, [name for name, answer in item.answers.items() if not answer])
        for item in shown
    ]
    contact_sheet(tiles, columns=8, tile_px=256).save(arguments.out / "sheet.png")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
