"""Make a diffusers pipeline folder of trained parts, with the card that services read.

    python -m tools.demo_video.package --parts /var/tmp/demo-video --vae models/demo-image/vae --out models/demo-video

Writes half-precision safetensors, the tokenizer, the scheduler's configuration and `card.json`. A rate in the card is
a promise that tests hold, so it is given on the command line after `tools.demo_video.evaluate` has measured it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_synth import TextToVideoSDPipeline
from transformers import CLIPTextModel

from tools.demo_image.package import WEIGHTS, forget_origin, make_readable, revision
from tools.demo_image.schedule import build_scheduler
from tools.demo_image.tokenizer import PROMPT_MAX_TOKENS, build_tokenizer, save_tokenizer
from tools.demo_video import world


def build_pipeline(parts: Path, vae: Path) -> TextToVideoSDPipeline:
    """Assemble a half-precision pipeline from `parts`/unet, `parts`/text_encoder and a VAE folder."""
    constructor: Any = TextToVideoSDPipeline
    pipeline: TextToVideoSDPipeline = constructor(
        vae=AutoencoderKL.from_pretrained(vae, dtype=torch.float16),
        text_encoder=CLIPTextModel.from_pretrained(parts / "text_encoder", dtype=torch.float16),
        tokenizer=build_tokenizer(),
        unet=UNet3DConditionModel.from_pretrained(parts / "unet", dtype=torch.float16),
        scheduler=build_scheduler(),
    )
    return pipeline


def build_card(folder: Path, steps: int, guidance_scale: float, rates: dict[str, float]) -> dict[str, Any]:
    """What a service needs to know without loading torch; sizes in pixels and bytes, rates as shares of 1."""
    return {
        "id": "demo-video",
        "kind": "video",
        "display_name": "Atelier demo video",
        "revision": revision(folder),
        "pipeline": "TextToVideoSDPipeline",
        "license": "Apache-2.0",
        "defaults": {
            "width_px": world.CANVAS_PX,
            "height_px": world.CANVAS_PX,
            "frames": world.FRAMES,
            "frame_rate_hz": world.FRAMES_PER_SECOND,
            "steps": steps,
            "guidance_scale": guidance_scale,
            "scheduler": "DDIM",
        },
        "size_multiple_px": 32,
        "max_width_px": world.CANVAS_PX,
        "max_height_px": world.CANVAS_PX,
        "max_frames": world.FRAMES,
        "prompt_max_tokens": PROMPT_MAX_TOKENS,
        "parameter_bytes": sum(path.stat().st_size for path in folder.rglob(WEIGHTS)),
        "rates": rates,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=Path, required=True, help="folder that holds unet/ and text_encoder/")
    parser.add_argument("--vae", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=10, help="denoising steps of the card's defaults")
    parser.add_argument("--guidance-scale", type=float, default=2.0)
    parser.add_argument("--clip-rate", type=float, required=True, help="promised share of clips right in everything")
    parser.add_argument("--motion-rate", type=float, required=True, help="promised share that move as the prompt says")
    parser.add_argument("--color-rate", type=float, required=True, help="promised share of rightly coloured shapes")
    arguments = parser.parse_args()
    build_pipeline(arguments.parts, arguments.vae).save_pretrained(arguments.out)
    save_tokenizer(arguments.out / "tokenizer")
    forget_origin(arguments.out)
    make_readable(arguments.out)
    rates = {"clip": arguments.clip_rate, "motion": arguments.motion_rate, "color": arguments.color_rate}
    card = build_card(arguments.out, arguments.steps, arguments.guidance_scale, rates)
    (arguments.out / "card.json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main()
