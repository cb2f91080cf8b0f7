"""`comfy_api.latest._io`: an older name of `comfy_api.latest.io`."""

from comfy_api.latest.io import *  # noqa: F403
