"""Input specs: the inputs that node classes declare."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Group = Literal["required", "optional", "hidden"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One declared input.

    Attributes:
        name: Its name.
        group: `required`, `optional` or `hidden`. A hidden input is a value of the execution, named by its type.
        type: The name of a type, several names separated by commas, or the choices of a combo. May be a subclass of
            `str` with its own comparison.
        options: `default`, `min`, `max`, `lazy`, `rawLink`, `options`, `multiselect` and others that only clients read.
    """

    name: str
    group: Group
    type: Any
    options: Mapping[str, Any]

    @property
    def lazy(self) -> bool:
        """True if the node that it links to runs only when `check_lazy_status` requests the input."""
        return bool(self.options.get("lazy"))

    @property
    def raw_link(self) -> bool:
        """True if the node receives the link itself in place of the value."""
        return bool(self.options.get("rawLink"))

    @property
    def choices(self) -> list[Any] | None:
        """The values of a combo; None when the input is not a combo, or only clients know its values."""
        if isinstance(self.type, list):
            return self.type
        choices = self.options.get("options") if self.type == "COMBO" else None
        return None if choices is None else list(choices)

    @property
    def config(self) -> list[Any]:
        """The declaration in the form of `/object_info`: type and options."""
        return [plain(self.type), plain(dict(self.options))]


def spec_of(name: str, group: Group, declared: object) -> InputSpec:
    """Reads one entry of INPUT_TYPES: a type, or a sequence of a type and an optional mapping of options.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(declared, str):
        return InputSpec(name, group, plain(declared) if group == "hidden" else declared, {})
    if not isinstance(declared, list | tuple) or not declared:
        raise ValueError(f"Input {name!r} is declared as {declared!r}: expected (type, options)")
    type_ = declared[0]
    if not isinstance(type_, str):
        type_ = list(type_) if isinstance(type_, Iterable) else str(type_)
    options = declared[1] if len(declared) > 1 and isinstance(declared[1], Mapping) else {}
    return InputSpec(name, group, type_, options)


def plain(value: object) -> Any:
    """A declared value as JSON: sequences and sets become lists, other objects their `str()`."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)
