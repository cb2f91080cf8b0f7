"""`comfy_api.latest`: the interface of V3 packs as it is now."""

from comfy_api.latest import io
from comfy_api.latest import io as IO
from comfy_api.latest.api import ComfyAPI, ComfyAPISync
from comfy_api.latest.extension import ComfyExtension

ComfyAPI_latest = ComfyAPI

__all__ = ["IO", "ComfyAPI", "ComfyAPISync", "ComfyAPI_latest", "ComfyExtension", "io"]
