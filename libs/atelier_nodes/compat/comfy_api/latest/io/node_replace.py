"""Replacements of node classes: which class takes the place of one that is not there any more."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class NodeReplace:
    """A node class in place of another one.

    Attributes:
        new_node_id: The class that is there.
        old_node_id: The class that prompts may still name.
        old_widget_ids: The old inputs with widgets, in the order of their values in workflow files.
        input_mapping: For each new input `new_id`, and `old_id` whose value it has or `set_value`; None leaves all as
            they are.
        output_mapping: For each old output `old_idx` the `new_idx`; others keep their number.
    """

    new_node_id: str
    old_node_id: str
    old_widget_ids: Sequence[str] | None = None
    input_mapping: Sequence[Mapping[str, Any]] | None = None
    output_mapping: Sequence[Mapping[str, int]] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Returns it as clients read it."""
        return asdict(self)

    def inputs(self, old: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the inputs of the new node for those of an old one."""
        if self.input_mapping is None:
            return dict(old)
        new: dict[str, Any] = {}
        for each in self.input_mapping:
            if "set_value" in each:
                new[each["new_id"]] = each["set_value"]
            elif each.get("old_id") in old:
                new[each["new_id"]] = old[each["old_id"]]
        return new

    def slot(self, old: int) -> int:
        """Returns the output of the new node for one of an old one."""
        return next((each["new_idx"] for each in self.output_mapping or () if each["old_idx"] == old), old)
