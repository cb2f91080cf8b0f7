"""Types of values, as V3 packs name them: `Input`, `InputImpl` and `Types`."""

from comfy_api.input import AudioInput, ImageInput, LatentInput, MaskInput, VideoInput
from comfy_api.input_impl import VideoFromComponents as _VideoFromComponents
from comfy_api.input_impl import VideoFromFile as _VideoFromFile
from comfy_api.util import VideoCodec as _VideoCodec
from comfy_api.util import VideoComponents as _VideoComponents
from comfy_api.util import VideoContainer as _VideoContainer


class Input:
    """What nodes get."""

    Image = ImageInput
    Mask = MaskInput
    Audio = AudioInput
    Latent = LatentInput
    Video = VideoInput


class InputImpl:
    """What nodes make."""

    VideoFromFile = _VideoFromFile
    VideoFromComponents = _VideoFromComponents


class Types:
    """Parts and formats."""

    VideoCodec = _VideoCodec
    VideoContainer = _VideoContainer
    VideoComponents = _VideoComponents
