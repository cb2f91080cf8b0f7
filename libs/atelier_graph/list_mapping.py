"""List mapping: every input is a list of values, and a node is called once for each element."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from atelier_graph.errors import NodeInputError


def slices_of(inputs: Mapping[str, Sequence[Any]], *, as_lists: bool) -> Iterator[dict[str, Any]]:
    """The arguments of each call.

    There are as many calls as the longest list has elements; shorter lists repeat their last one. Without inputs there
    is one call.

    Args:
        inputs: Lists of values by name.
        as_lists: True for one call, with the lists themselves.

    Raises:
        NodeInputError: A list is empty and another one is not: there is no element to repeat.
    """
    calls = max((len(values) for values in inputs.values()), default=0)
    if as_lists:
        yield dict(inputs)
    elif calls == 0:
        yield {}
    else:
        for name, values in inputs.items():
            if not values:
                raise NodeInputError(f"Input {name!r} received an empty list")
        for index in range(calls):
            yield {name: values[min(index, len(values) - 1)] for name, values in inputs.items()}
