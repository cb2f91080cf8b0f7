"""Links: an input that takes its value from an output of another node, as `[node id, slot]`."""

from typing import Any, NamedTuple, TypeGuard


class Link(NamedTuple):
    """A reference to one output of a node."""

    node_id: str
    slot: int


def is_link(value: object) -> TypeGuard[list[Any]]:
    """True for a list of a string and a number, which the executor resolves to another node's output."""
    if not isinstance(value, list) or len(value) != 2:
        return False
    node_id, slot = value
    return isinstance(node_id, str) and isinstance(slot, int | float) and not isinstance(slot, bool)


def link_of(value: object) -> Link | None:
    """The link that `value` denotes, or None when it is not a link.

    A slot that is negative or not a whole number becomes -1, which no node has.
    """
    if not is_link(value):
        return None
    node_id, slot = value
    whole = isinstance(slot, int) or slot.is_integer()
    return Link(node_id, int(slot) if whole and slot >= 0 else -1)
