"""`comfy_api.latest.ui`: what nodes show to clients, and the files that it is in."""

from comfy_api.latest.io.widgets import FolderType
from comfy_api.latest.ui.outputs import SavedAudios, SavedImages, SavedResult, UIOutput
from comfy_api.latest.ui.previews import (
    PreviewAudio,
    PreviewImage,
    PreviewMask,
    PreviewText,
    PreviewUI3D,
    PreviewVideo,
)
from comfy_api.latest.ui.saved_audio import AudioSaveHelper
from comfy_api.latest.ui.saved_images import ImageSaveHelper

__all__ = [
    "AudioSaveHelper",
    "FolderType",
    "ImageSaveHelper",
    "PreviewAudio",
    "PreviewImage",
    "PreviewMask",
    "PreviewText",
    "PreviewUI3D",
    "PreviewVideo",
    "SavedAudios",
    "SavedImages",
    "SavedResult",
    "UIOutput",
]
