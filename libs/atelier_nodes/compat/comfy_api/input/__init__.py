"""`comfy_api.input`: types of values between nodes."""

from comfy_api.input.basic_types import AudioInput, ImageInput, LatentInput, MaskInput
from comfy_api.input.video_types import VideoInput

__all__ = ["AudioInput", "ImageInput", "LatentInput", "MaskInput", "VideoInput"]
