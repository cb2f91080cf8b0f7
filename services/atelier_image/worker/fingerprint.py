"""What else than the weights changes pixels."""

import platform
from functools import cache
from importlib.metadata import version

_LIBRARIES = ("torch", "diffusers", "transformers", "pillow")


@cache  # asked for every picture; reading what is installed takes milliseconds
def fingerprint(device_name: str, dtype: str) -> str:
    """Libraries, machine and number format: two engines with one fingerprint make the same bytes."""
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return f"{libraries}; {platform.machine()}; {device_name}; {dtype}"
