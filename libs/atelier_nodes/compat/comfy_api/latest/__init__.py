"""`comfy_api.latest`: the interface of V3 packs as it is now."""

from comfy_api.latest import io, ui
from comfy_api.latest import io as IO
from comfy_api.latest import ui as UI
from comfy_api.latest.api import ComfyAPI, ComfyAPISync
from comfy_api.latest.caching import Caching
from comfy_api.latest.extension import ComfyExtension
from comfy_api.latest.values import Input, InputImpl, Types

ComfyAPI_latest = ComfyAPI

__all__ = [
    "IO",
    "UI",
    "Caching",
    "ComfyAPI",
    "ComfyAPISync",
    "ComfyAPI_latest",
    "ComfyExtension",
    "Input",
    "InputImpl",
    "Types",
    "io",
    "ui",
]
