"""What else than the weights changes pixels."""

import platform
from functools import cache
from importlib.metadata import version

_LIBRARIES = ("torch", "diffusers", "transformers", "pillow")


@cache  # asked for every picture; reading what is installed takes milliseconds
def fingerprint(device_name: str, dtype: str, more_libraries: tuple[str, ...] = ()) -> str:
    """Libraries, with `more_libraries` besides those of every engine, machine and number format: two engines with one
    fingerprint make the same bytes."""
    libraries = ", ".join(f"{name} {version(name)}" for name in (*_LIBRARIES, *more_libraries))
    return f"{libraries}; {platform.machine()}; {device_name}; {dtype}"
