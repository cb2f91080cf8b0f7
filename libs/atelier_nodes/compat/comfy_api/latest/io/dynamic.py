"""Inputs that depend on what a prompt gives: groups that grow, and choices that bring inputs of their own.

A prompt names the parts with dots, `parent.name`. What is declared for a node follows from its values, and the parts
become one dict before the node is called.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comfy_api.latest.io.inputs import BaseInput, ComfyTypeI, comfytype

Declaration = dict[str, dict[str, Any]]
"""Inputs in the form of `INPUT_TYPES`: `required` and `optional` by name."""

ABSENT = object()
"""In place of the value of an input that was not given."""


class DynamicInput(BaseInput, ABC):
    """An input that is made of others."""

    @abstractmethod
    def declare(self, to: Declaration, path: str, live: Mapping[str, Any], *, optional: bool) -> None:
        """Adds the inputs that there are.

        Args:
            to: What they are added to.
            path: The name of this input, with those that it is in.
            live: The inputs of the node in the prompt.
            optional: Whether none of them is required.
        """

    @abstractmethod
    def nested(self, flat: dict[str, Any], path: str) -> Any:
        """Takes its parts out of the arguments of a call, and returns them as one value, or `ABSENT`.

        Args:
            flat: Arguments by dotted name.
            path: The name of this input, with those that it is in.
        """


def declared(inputs: Iterable[BaseInput]) -> Declaration:
    """Returns inputs as they are declared for every node: dynamic ones with all that they may become."""
    found: Declaration = {"required": {}, "optional": {}}
    for each in inputs:
        _add(found, each, each.id, optional=each.optional)
    return found


def declare_live(
    to: Declaration, inputs: Iterable[BaseInput], live: Mapping[str, Any], *, prefix: str = "", optional: bool = False
) -> None:
    """Adds inputs as they are declared for one node."""
    for each in inputs:
        path = prefix + each.id
        if isinstance(each, DynamicInput):
            each.declare(to, path, live, optional=optional or each.optional)
        else:
            _add(to, each, path, optional=optional or each.optional)


def nest(inputs: Iterable[BaseInput], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a call with the parts of dynamic inputs as one value each."""
    flat = dict(arguments)
    for each in inputs:
        if isinstance(each, DynamicInput) and (value := each.nested(flat, each.id)) is not ABSENT:
            flat[each.id] = value
    return flat


def _add(to: Declaration, each: BaseInput, path: str, *, optional: bool) -> None:
    to["optional" if optional else "required"][path] = (each.get_io_type(), each.as_dict())


def _nested_parts(inputs: Iterable[BaseInput], flat: dict[str, Any], path: str) -> dict[str, Any]:
    """Takes inputs of a group; of those that were not given the default."""
    parts: dict[str, Any] = {}
    for each in inputs:
        part = f"{path}.{each.id}"
        if isinstance(each, DynamicInput):
            value = each.nested(flat, part)
            parts[each.id] = None if value is ABSENT else value
        else:
            parts[each.id] = flat.pop(part, getattr(each, "default", None))
    return parts


class _Template(ABC):
    """What a group that grows is made of."""

    def __init__(self, input: BaseInput, names: Sequence[str], min: int) -> None:  # noqa: A002
        if isinstance(input, DynamicInput):
            raise TypeError(f"Input {input.id!r} of a template is dynamic itself")
        if not 0 <= min <= len(names):
            raise ValueError(f"A template of {len(names)} inputs has at least {min}")
        self.input = input
        self.names = list(names)
        self.min = min

    @abstractmethod
    def as_dict(self) -> dict[str, Any]:
        """Returns the template as clients read it."""


class TemplatePrefix(_Template):
    """Numbered inputs, from `prefix0` on.

    Args:
        input: What each of them is.
        prefix: The beginning of their names.
        min: How many are required.
        max: How many there may be.
    """

    def __init__(self, input: BaseInput, prefix: str, min: int = 1, max: int = 10) -> None:  # noqa: A002
        super().__init__(input, [f"{prefix}{number}" for number in range(max)], min)
        self.prefix = prefix
        self.max = max

    def as_dict(self) -> dict[str, Any]:
        """Returns the template as clients read it."""
        return {"input": declared([self.input]), "prefix": self.prefix, "min": self.min, "max": self.max}


class TemplateNames(_Template):
    """Inputs of given names.

    Args:
        input: What each of them is.
        names: Their names.
        min: How many are required, of the first ones.
    """

    def __init__(self, input: BaseInput, names: Sequence[str], min: int = 1) -> None:  # noqa: A002
        super().__init__(input, names, min)

    def as_dict(self) -> dict[str, Any]:
        """Returns the template as clients read it."""
        return {"input": declared([self.input]), "names": self.names, "min": self.min}


@comfytype("COMFY_AUTOGROW_V3")
class Autogrow(ComfyTypeI):
    """A group of inputs of one kind that grows as people link to them; its value is a dict by name."""

    Type = dict[str, Any]
    TemplatePrefix = TemplatePrefix
    TemplateNames = TemplateNames

    class Input(DynamicInput):
        """A group of inputs, as its template says."""

        def __init__(
            self,
            id: str,  # noqa: A002
            template: _Template,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            extra_dict: Mapping[str, Any] | None = None,
            raw_link: bool | None = None,
            advanced: bool | None = None,
        ) -> None:
            super().__init__(id, display_name, optional, tooltip, lazy, extra_dict, raw_link, advanced)
            self.template = template

        def as_dict(self) -> dict[str, Any]:
            """Returns its options in the form of `INPUT_TYPES`."""
            return {**super().as_dict(), "template": self.template.as_dict()}

        def declare(self, to: Declaration, path: str, live: Mapping[str, Any], *, optional: bool) -> None:
            """Adds those that are required, and those that the prompt gives."""
            for number, name in enumerate(self.template.names):
                required = number < self.template.min and not optional and not self.template.input.optional
                if required or f"{path}.{name}" in live:
                    _add(to, self.template.input, f"{path}.{name}", optional=not required)

        def nested(self, flat: dict[str, Any], path: str) -> Any:
            """Returns the inputs that were given, by name."""
            names = [name for name in self.template.names if f"{path}.{name}" in flat]
            return {name: flat.pop(f"{path}.{name}") for name in names}


@dataclass(frozen=True)
class Option:
    """A choice, with the inputs that there are while it is chosen."""

    key: str
    inputs: list[BaseInput]

    def as_dict(self) -> dict[str, Any]:
        """Returns the choice as clients read it."""
        return {"key": self.key, "inputs": declared(self.inputs)}


@comfytype("COMFY_DYNAMICCOMBO_V3")
class DynamicCombo(ComfyTypeI):
    """A choice that brings inputs; its value is a dict with the choice under its own name, and the inputs."""

    Type = dict[str, Any]
    Option = Option

    class Input(DynamicInput):
        """A choice of `options`."""

        def __init__(
            self,
            id: str,  # noqa: A002
            options: list[Option],
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            extra_dict: Mapping[str, Any] | None = None,
            raw_link: bool | None = None,
            advanced: bool | None = None,
        ) -> None:
            super().__init__(id, display_name, optional, tooltip, lazy, extra_dict, raw_link, advanced)
            self.options = options

        def as_dict(self) -> dict[str, Any]:
            """Returns its options in the form of `INPUT_TYPES`."""
            return {**super().as_dict(), "options": [option.as_dict() for option in self.options]}

        def declare(self, to: Declaration, path: str, live: Mapping[str, Any], *, optional: bool) -> None:
            """Adds the choice itself, and the inputs of the one that the prompt makes."""
            choices = {**super().as_dict(), "options": [option.key for option in self.options]}
            to["optional" if optional else "required"][path] = ("COMBO", choices)
            declare_live(to, self._inputs_of(live.get(path)), live, prefix=f"{path}.", optional=optional)

        def nested(self, flat: dict[str, Any], path: str) -> Any:
            """Returns the choice and its inputs."""
            if path not in flat:
                return ABSENT
            chosen = flat.pop(path)
            key = chosen[0] if isinstance(chosen, list) and chosen else chosen
            return {self.id: chosen, **_nested_parts(self._inputs_of(key), flat, path)}

        def _inputs_of(self, key: object) -> list[BaseInput]:
            return next((option.inputs for option in self.options if option.key == key), [])


@comfytype("COMFY_DYNAMICSLOT_V3")
class DynamicSlot(ComfyTypeI):
    """An input that brings others while it is given; its value is a dict with all of them."""

    Type = dict[str, Any]

    class Input(DynamicInput):
        """An input `slot`, and `inputs` that there are with it."""

        def __init__(
            self,
            slot: BaseInput,
            inputs: list[BaseInput],
            display_name: str | None = None,
            tooltip: str | None = None,
            lazy: bool | None = None,
            extra_dict: Mapping[str, Any] | None = None,
            raw_link: bool | None = None,
            advanced: bool | None = None,
        ) -> None:
            if isinstance(slot, DynamicInput):
                raise TypeError(f"Slot {slot.id!r} is dynamic itself")
            super().__init__(
                slot.id, display_name, slot.optional, tooltip or slot.tooltip, lazy, extra_dict, raw_link, advanced
            )
            self.slot = slot
            self.inputs = inputs

        def as_dict(self) -> dict[str, Any]:
            """Returns its options in the form of `INPUT_TYPES`."""
            own = {"slotType": self.slot.get_io_type(), "inputs": declared(self.inputs), "forceInput": True}
            return {**super().as_dict(), **own}

        def declare(self, to: Declaration, path: str, live: Mapping[str, Any], *, optional: bool) -> None:
            """Adds the slot, and with a value for it the other inputs."""
            _add(to, self.slot, path, optional=optional)
            if path in live:
                declare_live(to, self.inputs, live, prefix=f"{path}.", optional=optional)

        def nested(self, flat: dict[str, Any], path: str) -> Any:
            """Returns the value of the slot and the other inputs."""
            if path not in flat:
                return ABSENT
            return {self.id: flat.pop(path), **_nested_parts(self.inputs, flat, path)}
