"""Previews of V3 nodes: what clients show without storing it."""

from collections.abc import Sequence
from typing import Any

import torch

from comfy_api.latest.io.widgets import FolderType
from comfy_api.latest.ui.outputs import SavedResult, UIOutput
from comfy_api.latest.ui.saved_audio import AudioSaveHelper
from comfy_api.latest.ui.saved_images import ImageSaveHelper

_PREFIX = "ComfyUI_temp"


class PreviewImage(UIOutput):
    """Pictures in the temporary folder.

    Args:
        image: IMAGE, (n, height, width, channels).
        animated: Whether they are frames.
        cls: The class of the node.
    """

    def __init__(self, image: torch.Tensor, animated: bool = False, cls: Any = None, **_: Any) -> None:
        self.values: Sequence[SavedResult] = ImageSaveHelper.save_images(
            image, _PREFIX, FolderType.temp, cls, compress_level=1
        )
        self.animated = animated

    def as_dict(self) -> dict[str, Any]:
        """Returns it as nodes return it under `ui`."""
        return {"images": self.values, "animated": [self.animated]}


class PreviewMask(PreviewImage):
    """Masks in the temporary folder, as grey pictures.

    Args:
        mask: MASK, (n, height, width).
        animated: Whether they are frames.
        cls: The class of the node.
    """

    def __init__(self, mask: torch.Tensor, animated: bool = False, cls: Any = None, **_: Any) -> None:
        height, width = mask.shape[-2:]
        super().__init__(mask.reshape(-1, height, width, 1).expand(-1, -1, -1, 3), animated, cls)


class PreviewAudio(UIOutput):
    """Sounds in the temporary folder."""

    def __init__(self, audio: Any, cls: Any = None, **_: Any) -> None:
        self.values = AudioSaveHelper.save_audio(audio, _PREFIX, FolderType.temp, cls)

    def as_dict(self) -> dict[str, Any]:
        """Returns it as nodes return it under `ui`."""
        return {"audio": self.values}


class PreviewVideo(UIOutput):
    """Clips that are saved."""

    def __init__(self, values: Sequence[dict[str, str]], **_: Any) -> None:
        self.values = values

    def as_dict(self) -> dict[str, Any]:
        """Returns it as nodes return it under `ui`."""
        return {"images": list(self.values), "animated": [True]}


class PreviewUI3D(UIOutput):
    """A three-dimensional model in a file."""

    def __init__(self, model_file: str, camera_info: Any = None, **further: Any) -> None:
        self.model_file = model_file
        self.camera_info = camera_info
        self.bg_image_path = further.get("bg_image_path")

    def as_dict(self) -> dict[str, Any]:
        """Returns it as nodes return it under `ui`."""
        return {"result": [self.model_file, self.camera_info, self.bg_image_path]}


class PreviewText(UIOutput):
    """A text."""

    def __init__(self, value: str, **_: Any) -> None:
        self.value = value

    def as_dict(self) -> dict[str, Any]:
        """Returns it as nodes return it under `ui`."""
        return {"text": [self.value]}
