"""diffusers as its documentation calls it for clips: `from_pretrained`, the pipeline, `export_to_video`.

Run by path, with a folder of weights: `python diffusers_clips.py FOLDER [THREADS]`. Nothing of Atelier is imported.
Reads {"frames", "size", "steps", "guidance_scale", "fps", "seeds"} as JSON lines; writes [seconds, CPU seconds].
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.utils import export_to_video

PROMPT = "a red ball moving right"


def draw(pipe: Any, target: Path, question: dict[str, Any], seed: int) -> None:
    """One square clip as MP4."""
    (frames,) = pipe(
        PROMPT,
        width=question["size"],
        height=question["size"],
        num_frames=question["frames"],
        num_inference_steps=question["steps"],
        guidance_scale=question["guidance_scale"],
        generator=torch.Generator("cpu").manual_seed(seed),
    ).frames
    export_to_video(frames, str(target), fps=question["fps"])


def main() -> None:
    """Entry point."""
    if len(sys.argv) > 2:
        torch.set_num_threads(int(sys.argv[2]))
    pipe = DiffusionPipeline.from_pretrained(sys.argv[1], dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            question = json.loads(line)
            started, started_cpu = time.perf_counter(), time.process_time()
            for seed in question["seeds"]:
                draw(pipe, Path(folder) / "clip.mp4", question, seed)
            print(json.dumps([time.perf_counter() - started, time.process_time() - started_cpu]), flush=True)


if __name__ == "__main__":
    main()
