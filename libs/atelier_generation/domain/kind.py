"""What a service makes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`name` is the kind of its jobs and the word for one of them, `image`. Reasons are listed in docs/contracts.md."""

    name: str
    not_found_reason: str
    not_ready_reason: str
