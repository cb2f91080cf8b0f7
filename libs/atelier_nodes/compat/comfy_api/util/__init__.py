"""`comfy_api.util`: parts and formats of videos."""

from comfy_api.util.video_types import VideoCodec, VideoComponents, VideoContainer

__all__ = ["VideoCodec", "VideoComponents", "VideoContainer"]
