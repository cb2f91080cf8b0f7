"""`comfy_api.input`: types of values between nodes."""

from comfy_api.input.basic_types import AudioInput, ImageInput, LatentInput, MaskInput

__all__ = ["AudioInput", "ImageInput", "LatentInput", "MaskInput"]
