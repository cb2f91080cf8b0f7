"""Fingerprint of an engine: everything besides the weights that changes pixels."""

import platform
from collections.abc import Callable
from functools import cache
from importlib.metadata import version

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.remote.remote_engine import RemoteEngine

_LIBRARIES = ("torch", "diffusers", "transformers", "pillow")

# Counts up with every change of our own code that makes other pixels of the same request.
_DRAWING_VERSION = 2


@cache  # asked for every picture; reading what is installed takes milliseconds
def fingerprint(device_name: str, dtype: str, variant: str = "", more_libraries: tuple[str, ...] = ()) -> str:
    """Names what draws: two engines with one fingerprint make the same bytes of the same weights.

    Args:
        device_name: The device, as it calls itself.
        dtype: Number format of the weights in memory.
        variant: Which of a model's files were read, where it ships several precisions.
        more_libraries: Packages that change the bytes, besides those of every engine.
    """
    libraries = ", ".join(f"{name} {version(name)}" for name in (*_LIBRARIES, *more_libraries))
    precision = f"{dtype} of {variant}" if variant else dtype
    return f"drawing {_DRAWING_VERSION}; {libraries}; {platform.machine()}; {device_name}; {precision}"


def fingerprints(
    engine: RemoteEngine, catalogue: Catalogue, more_libraries: tuple[str, ...] = ()
) -> Callable[[str], str]:
    """Returns a function from the id of a model to the fingerprint of what draws it with this engine."""

    def fingerprint_of(model_id: str) -> str:
        card = catalogue.get(model_id)
        return fingerprint(engine.device_name, card.dtype or engine.dtype, card.variant, more_libraries)

    return fingerprint_of
