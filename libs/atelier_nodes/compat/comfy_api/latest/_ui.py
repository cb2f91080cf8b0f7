"""`comfy_api.latest._ui`: an older name of `comfy_api.latest.ui`."""

from comfy_api.latest.ui import *  # noqa: F403
