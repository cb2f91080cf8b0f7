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


def unet(**options: Any) -> Any:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    made: Any = UNet2DConditionModel
    return made(
        sample_size=8, block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8, attention_head_dim=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), **options,
    )  # fmt: skip


def stable_diffusion(demo: Path, scheduler: Any = None) -> Any:
    """Stable Diffusion; its latents are an eighth of the picture's size."""
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
    from transformers import CLIPTextModel

    made: Any = StableDiffusionPipeline
    return made(
        **parts(demo) | ({"scheduler": scheduler} if scheduler else {}), unet=unet(cross_attention_dim=32),
        text_encoder=CLIPTextModel(text_config(32, 32)), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip


def stable_diffusion_xl(demo: Path) -> Any:
    """Stable Diffusion XL: two text encoders, and sizes besides the prompt."""
    from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    shared = parts(demo)
    added = 6 * 8 + 24
    network = unet(
        cross_attention_dim=64, addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=added,
    )  # fmt: skip
    made: Any = StableDiffusionXLPipeline
    return made(
        **shared, unet=network, tokenizer_2=shared["tokenizer"], text_encoder=CLIPTextModel(text_config(32, 32)),
        text_encoder_2=CLIPTextModelWithProjection(text_config(32, 24)), add_watermarker=False,
    )  # fmt: skip


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


def animate_diff(demo: Path) -> Any:
    """AnimateDiff: a network for pictures, with layers over time between its own."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.models.unets.unet_motion_model import MotionAdapter
    from diffusers.pipelines.animatediff.pipeline_animatediff import AnimateDiffPipeline
    from transformers import CLIPTextModel

    shared = parts(demo)
    network: Any = UNet2DConditionModel
    unet = network(
        sample_size=8, block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8, attention_head_dim=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
    )  # fmt: skip
    adapter: Any = MotionAdapter
    motion = adapter(
        block_out_channels=(16, 32), motion_layers_per_block=1, motion_mid_block_layers_per_block=1,
        motion_num_attention_heads=2, motion_norm_num_groups=8,
    )  # fmt: skip
    made: Any = AnimateDiffPipeline
    return made(**shared, unet=unet, text_encoder=CLIPTextModel(text_config(32, 32)), motion_adapter=motion)


def _ltx_parts(demo: Path) -> dict[str, Any]:
    import torch
    from diffusers.models.autoencoders.autoencoder_kl_ltx import AutoencoderKLLTXVideo
    from diffusers.models.transformers.transformer_ltx import LTXVideoTransformer3DModel
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
    from transformers import CLIPTokenizer, T5Config, T5EncoderModel

    torch.manual_seed(0)
    transformer: Any = LTXVideoTransformer3DModel
    vae: Any = AutoencoderKLLTXVideo
    scheduler: Any = FlowMatchEulerDiscreteScheduler
    text = T5Config(vocab_size=VOCABULARY, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    return {
        "tokenizer": CLIPTokenizer.from_pretrained(demo / "tokenizer"),
        "text_encoder": T5EncoderModel(text),
        "scheduler": scheduler(),
        "transformer": transformer(
            in_channels=8, out_channels=8, num_attention_heads=2, attention_head_dim=8, cross_attention_dim=16,
            num_layers=1, caption_channels=16,
        ),
        "vae": vae(
            latent_channels=8, block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8),
            layers_per_block=(1, 1, 1, 1, 1), decoder_layers_per_block=(1, 1, 1, 1, 1),
        ),
    }  # fmt: skip


def ltx(demo: Path) -> Any:
    """LTX: a transformer, flow matching, a decoder over time that makes eight frames of one."""
    from diffusers.pipelines.ltx.pipeline_ltx import LTXPipeline

    made: Any = LTXPipeline
    return made(**_ltx_parts(demo))


def ltx_from_a_picture(demo: Path) -> Any:
    """LTX that goes on from a picture, which its call only seems to do without."""
    from diffusers.pipelines.ltx.pipeline_ltx_image2video import LTXImageToVideoPipeline

    made: Any = LTXImageToVideoPipeline
    return made(**_ltx_parts(demo))


def cogvideox_from_a_picture(demo: Path) -> Any:
    """CogVideoX that goes on from a picture; its call says that it needs one."""
    import torch
    from diffusers.models.autoencoders.autoencoder_kl_cogvideox import AutoencoderKLCogVideoX
    from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXTransformer3DModel
    from diffusers.pipelines.cogvideo.pipeline_cogvideox_image2video import CogVideoXImageToVideoPipeline
    from diffusers.schedulers.scheduling_ddim_cogvideox import CogVideoXDDIMScheduler
    from transformers import CLIPTokenizer, T5Config, T5EncoderModel

    torch.manual_seed(0)
    transformer: Any = CogVideoXTransformer3DModel
    vae: Any = AutoencoderKLCogVideoX
    scheduler: Any = CogVideoXDDIMScheduler
    text = T5Config(vocab_size=VOCABULARY, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    made: Any = CogVideoXImageToVideoPipeline
    return made(
        tokenizer=CLIPTokenizer.from_pretrained(demo / "tokenizer"), text_encoder=T5EncoderModel(text),
        scheduler=scheduler(),
        vae=vae(
            block_out_channels=(8, 8, 8, 8), latent_channels=4, layers_per_block=1, norm_num_groups=2,
            down_block_types=("CogVideoXDownBlock3D",) * 4, up_block_types=("CogVideoXUpBlock3D",) * 4,
        ),
        transformer=transformer(
            num_attention_heads=2, attention_head_dim=16, in_channels=8, out_channels=4, time_embed_dim=2,
            text_embed_dim=16, num_layers=1, use_rotary_positional_embeddings=True,
        ),
    )  # fmt: skip


def spoil(file: Path, value: float = float("nan")) -> None:
    """Every number in a file of weights becomes this one."""
    import torch
    from safetensors.torch import load_file, save_file

    spoilt = {name: torch.full_like(tensor, value) for name, tensor in load_file(file).items()}
    save_file(spoilt, file, {"format": "pt"})
