"""Make a diffusers pipeline folder of trained parts, with the card that services read.

    python -m tools.demo_image.package --parts /var/tmp/demo --vae models/demo-image/vae --out models/demo-image

Writes half-precision safetensors, the tokenizer, the scheduler's configuration and `card.json`. A rate in the card is
a promise that tests hold, so it is given on the command line after `tools.demo_image.evaluate` has measured it.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from transformers import CLIPTextModel

from tools.demo_image.schedule import build_scheduler
from tools.demo_image.tokenizer import PROMPT_MAX_TOKENS, build_tokenizer, save_tokenizer

WEIGHTS = "*.safetensors"


def build_pipeline(parts: Path, vae: Path) -> StableDiffusionPipeline:
    """Assemble a half-precision pipeline from `parts`/unet, `parts`/text_encoder and a VAE folder."""
    constructor: Any = StableDiffusionPipeline  # its annotations forget that parts may be None
    pipeline: StableDiffusionPipeline = constructor(
        vae=AutoencoderKL.from_pretrained(vae, dtype=torch.float16),
        text_encoder=CLIPTextModel.from_pretrained(parts / "text_encoder", dtype=torch.float16),
        tokenizer=build_tokenizer(),
        unet=UNet2DConditionModel.from_pretrained(parts / "unet", dtype=torch.float16),
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return pipeline


def make_readable(folder: Path) -> None:
    """Let everyone read the weights: safetensors writes files for their owner alone."""
    for path in folder.rglob(WEIGHTS):
        path.chmod(0o644)


def forget_origin(folder: Path) -> None:
    """Drop the path that diffusers notes in a configuration: it names a folder of the machine that trained."""
    for path in folder.rglob("config.json"):
        config = json.loads(path.read_text())
        config.pop("_name_or_path", None)
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def revision(folder: Path) -> str:
    """The first 16 hex digits of the SHA-256 over the names and bytes of all files that shape a picture."""
    digest = hashlib.sha256()
    shaping = [path for path in folder.rglob("*") if path.is_file() and _shapes_pictures(path.relative_to(folder))]
    for path in sorted(shaping, key=lambda path: path.relative_to(folder).as_posix()):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _shapes_pictures(name: Path) -> bool:
    return name.suffix in {".safetensors", ".json", ".txt"} and name.name != "card.json"


def build_card(folder: Path, steps: int, guidance_scale: float, rates: dict[str, float]) -> dict[str, Any]:
    """What a service needs to know without loading torch; sizes in pixels and bytes, rates as shares of 1."""
    return {
        "id": "demo-image",
        "display_name": "Atelier demo",
        "revision": revision(folder),
        "pipeline": "StableDiffusionPipeline",
        "license": "Apache-2.0",
        "defaults": {
            "width_px": 256,
            "height_px": 256,
            "steps": steps,
            "guidance_scale": guidance_scale,
            "scheduler": "DDIM",
        },
        "size_multiple_px": 32,
        "max_width_px": 512,
        "max_height_px": 512,
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
    parser.add_argument("--steps", type=int, default=12, help="denoising steps of the card's defaults")
    parser.add_argument("--guidance-scale", type=float, default=2.5)
    parser.add_argument("--single-rate", type=float, required=True, help="promised share of right single shapes")
    parser.add_argument("--scene-rate", type=float, required=True, help="promised share of right scenes")
    arguments = parser.parse_args()
    build_pipeline(arguments.parts, arguments.vae).save_pretrained(arguments.out)
    save_tokenizer(arguments.out / "tokenizer")
    forget_origin(arguments.out)
    make_readable(arguments.out)
    rates = {"single": arguments.single_rate, "scene": arguments.scene_rate}
    card = build_card(arguments.out, arguments.steps, arguments.guidance_scale, rates)
    (arguments.out / "card.json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main()
