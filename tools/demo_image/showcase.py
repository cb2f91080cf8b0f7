"""Draw the sheet of pictures that the README shows, with the packaged model and nothing else.

python -m tools.demo_image.showcase models/demo-image --out docs/images/demo-sheet.png
"""

import argparse
import json
from pathlib import Path

import torch

from tools.demo_image.contact_sheet import Tile, contact_sheet
from tools.demo_image.evaluate import generate, load_pipeline

PROMPTS = (
    "a red circle on a yellow background",
    "a blue square on a white background",
    "a green triangle on a pink background",
    "a yellow star on a blue background",
    "a pink heart on a white background",
    "an orange diamond on a black background",
    "a big purple heart on a yellow background",
    "a small white circle on a green background",
    "a big red star on a white background",
    "Blue diamond, orange background",
    "black triangle on orange",
    "a small red square on a white background",
    "a red house and a tree under the sun by day",
    "a white house and a tree at sunset",
    "a yellow house under the moon at night",
    "a white boat on the sea under the sun at sunset",
    "mountains under the sun by day",
    "a tree under the moon at night",
)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    defaults = json.loads((arguments.model / "card.json").read_text())["defaults"]
    pipeline = load_pipeline(arguments.model)
    pictures = generate(pipeline, PROMPTS, defaults["steps"], defaults["guidance_scale"], arguments.seed)
    tiles = [Tile(pixels, prompt) for prompt, pixels in zip(PROMPTS, pictures, strict=True)]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(tiles, columns=6, tile_px=180).save(arguments.out, optimize=True)


if __name__ == "__main__":
    main()
