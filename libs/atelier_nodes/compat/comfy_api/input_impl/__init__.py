"""`comfy_api.input_impl`: values that packs make."""

from comfy_api.input_impl.video_types import VideoFromComponents, VideoFromFile

__all__ = ["VideoFromComponents", "VideoFromFile"]
