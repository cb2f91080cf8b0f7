"""Types of links: which outputs an input takes."""

from typing import Any

ANY = "*"
COMBO = "COMBO"
MATCH = "COMFY_MATCHTYPE_V3"


def accepts(declared: Any, received: Any) -> bool:
    """True if an input of the declared type takes an output of the received type.

    Equality is tested by `not (received != declared)`, because packs define types that match everything by overriding
    `__ne__` in a subclass of `str`.

    Args:
        declared: The type of the input: a name, names separated by commas, or the choices of a combo.
        received: The type of the output, likewise.
    """
    if not received != declared:  # noqa: SIM202 - see above
        return True
    if isinstance(received, list) and declared == COMBO:
        return True
    wanted, offered = _names(declared), _names(received)
    return bool(wanted & offered or (wanted | offered) & {ANY, MATCH})


def _names(type_: Any) -> set[str]:
    return {name.strip() for name in type_.split(",")} if isinstance(type_, str) else set()
