"""Small random models in diffusers layout, made here."""

from pathlib import Path
from typing import Any

VOCABULARY = 756  # of the demo model's tokenizer, which these models share


def text_config(width: int, projection: int) -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=VOCABULARY, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=32, projection_dim=projection,
        bos_token_id=754, eos_token_id=755, pad_token_id=755,
    )  # fmt: skip


def parts(demo: Path) -> dict[str, Any]:
    import torch
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
    from transformers import CLIPTokenizer

    torch.manual_seed(0)
    scheduler: Any = EulerDiscreteScheduler
    vae: Any = AutoencoderKL
    return {
        "tokenizer": CLIPTokenizer.from_pretrained(demo / "tokenizer"),
        "scheduler": scheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1),
        "vae": vae(
            block_out_channels=(8, 8, 8, 8), norm_num_groups=4, latent_channels=4, scaling_factor=0.18,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        ),
    }  # fmt: skip


def text_to_video(demo: Path) -> Any:
    """A pipeline in ModelScope's text-to-video architecture; its latents are an eighth of the clip's size."""
    from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
    from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_synth import (
        TextToVideoSDPipeline,
    )
    from transformers import CLIPTextModel

    shared = parts(demo)
    network: Any = UNet3DConditionModel
    unet = network(
        sample_size=8, block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8, attention_head_dim=8,
        down_block_types=("DownBlock3D", "CrossAttnDownBlock3D"), up_block_types=("CrossAttnUpBlock3D", "UpBlock3D"),
        cross_attention_dim=32,
    )  # fmt: skip
    made: Any = TextToVideoSDPipeline
    return made(**shared, unet=unet, text_encoder=CLIPTextModel(text_config(32, 32)))
