"""`comfy_api.v0_0_1`: the interface of V3 packs under the number of a version; it is that of `latest`."""

from comfy_api.latest import *  # noqa: F403
from comfy_api.latest import __all__ as __all__
