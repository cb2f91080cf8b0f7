"""Execution blockers: values in place of an output that prevent the nodes after it from being called."""

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class ExecutionBlocker:
    """Returned by a node instead of a value, or of all of its values.

    A node that receives one in any input is not called and returns it in all of its outputs.

    Attributes:
        message: What to report at the first node that is not called because of it; None blocks silently.
    """

    message: str | None = None
