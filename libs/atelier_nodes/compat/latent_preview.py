"""`latent_preview`: previews while nodes of packs draw. Those of the mesh's samplers come with their progress."""

from collections.abc import Callable
from typing import Any

import torch
from PIL import Image

from atelier_nodes.builtin.pixels import to_picture
from comfy.cli_args import LatentPreviewMethod, args
from comfy.utils import ProgressBar

MAX_PREVIEW_RESOLUTION = args.preview_size
"""The longer side of a preview, in pixels."""

default_preview_method = LatentPreviewMethod.Auto


class LatentPreviewer:
    """Makes previews of latents."""

    def decode_latent_to_preview(self, x0: torch.Tensor) -> Image.Image:
        """Returns a picture of the first latent of a batch."""
        raise NotImplementedError

    def decode_latent_to_preview_image(self, preview_format: str, x0: torch.Tensor) -> tuple[str, Image.Image, int]:
        """Returns a preview as progress bars take it: format, picture and longest side in pixels."""
        return preview_format, self.decode_latent_to_preview(x0), MAX_PREVIEW_RESOLUTION


class Latent2RGBPreviewer(LatentPreviewer):
    """Makes previews by a linear map from latent channels to RGB.

    Args:
        latent_rgb_factors: Three factors for each channel.
        latent_rgb_factors_bias: Three values to add.
        latent_rgb_factors_reshape: A function that is applied to the latents before.
    """

    def __init__(
        self,
        latent_rgb_factors: Any,
        latent_rgb_factors_bias: Any = None,
        latent_rgb_factors_reshape: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        self.latent_rgb_factors = torch.tensor(latent_rgb_factors, dtype=torch.float32).transpose(0, 1)
        bias = latent_rgb_factors_bias
        self.latent_rgb_factors_bias = None if bias is None else torch.tensor(bias, dtype=torch.float32)
        self.latent_rgb_factors_reshape = latent_rgb_factors_reshape

    def decode_latent_to_preview(self, x0: torch.Tensor) -> Image.Image:
        """Returns a picture of the first latent of a batch, (n, channels, …, height, width)."""
        if self.latent_rgb_factors_reshape is not None:
            x0 = self.latent_rgb_factors_reshape(x0)
        latent = x0[0, :, 0] if x0.ndim == 5 else x0[0]
        pixels = torch.nn.functional.linear(
            latent.movedim(0, -1).float().cpu(), self.latent_rgb_factors, self.latent_rgb_factors_bias
        )
        return preview_to_image(pixels)


def preview_to_image(latent_image: torch.Tensor, do_scale: bool = True) -> Image.Image:
    """Returns a Pillow image of (height, width, 3) values.

    Args:
        latent_image: From -1 to 1 with `do_scale`, else from 0 to 1.
        do_scale: Whether to move the values to 0…1 first.
    """
    return to_picture((latent_image + 1.0) / 2.0 if do_scale else latent_image)


def get_previewer(device: torch.device, latent_format: Any) -> LatentPreviewer | None:
    """Returns a previewer for latents with RGB factors, else None."""
    factors = getattr(latent_format, "latent_rgb_factors", None)
    if factors is None:
        return None
    return Latent2RGBPreviewer(
        factors,
        getattr(latent_format, "latent_rgb_factors_bias", None),
        getattr(latent_format, "latent_rgb_factors_reshape", None),
    )


def set_preview_method(override: str | None = None) -> None:
    """Sets how previews are made until the next call, by a name of `LatentPreviewMethod`; None for the default."""
    args.preview_method = (LatentPreviewMethod.from_string(override) if override else None) or default_preview_method


def prepare_callback(
    model: Any, steps: int, x0_output_dict: dict[str, Any] | None = None
) -> Callable[[int, torch.Tensor, torch.Tensor, int], None]:
    """Returns a function that reports a sampler's steps as progress of the node.

    Args:
        model: Is not used: its inside is on a worker.
        steps: How many steps there are.
        x0_output_dict: Receives the latest prediction as `x0`.
    """
    bar = ProgressBar(steps)

    def callback(step: int, x0: torch.Tensor, x: torch.Tensor, total_steps: int) -> None:
        if x0_output_dict is not None:
            x0_output_dict["x0"] = x0
        bar.update_absolute(step + 1, total_steps)

    return callback
