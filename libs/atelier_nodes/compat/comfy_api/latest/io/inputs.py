"""Inputs and outputs of V3 schemas, and the socket types that they belong to."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias, TypeVar


class ComfyType:
    """A type of values between nodes.

    Attributes:
        io_type: Its name in prompts and in /object_info.
        Type: The Python type of its values.
    """

    io_type: ClassVar[str]
    Type: ClassVar[Any] = Any


class Input:
    """An input.

    Args:
        id: Its name, as `execute` takes it.
        display_name: Its label.
        optional: Whether a prompt may omit it.
        tooltip: A hint for people.
        lazy: Whether the linked node runs only when `check_lazy_status` requests the input.
        extra_dict: Further options.
        raw_link: Whether the node receives the link itself.
        advanced: Whether clients hide it at first.
    """

    Parent: ClassVar[type[ComfyType]]

    def __init__(
        self,
        id: str,  # noqa: A002 - packs pass it by this name
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        extra_dict: Mapping[str, Any] | None = None,
        raw_link: bool | None = None,
        advanced: bool | None = None,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.optional = optional
        self.tooltip = tooltip
        self.lazy = lazy
        self.extra_dict = dict(extra_dict or {})
        self.rawLink = raw_link
        self.advanced = advanced

    @property
    def io_type(self) -> str:
        """The name of its type, or names with commas between them."""
        return self.Parent.io_type

    def get_io_type(self) -> str:
        """Returns the name of its type."""
        return self.io_type

    def as_dict(self) -> dict[str, Any]:
        """Returns its options in the form of `INPUT_TYPES`."""
        options = {
            "display_name": self.display_name,
            "tooltip": self.tooltip,
            "lazy": self.lazy,
            "rawLink": self.rawLink,
            "advanced": self.advanced,
        }
        return {**given(options), **self.extra_dict}

    def get_all(self) -> list["Input"]:
        """Returns the inputs that it is made of."""
        return [self]


class WidgetInput(Input):
    """An input that people can type a value into.

    Args:
        id: Its name.
        display_name: Its label.
        optional: Whether a prompt may omit it.
        tooltip: A hint for people.
        lazy: Whether it is evaluated on request.
        default: Its first value; also the value of an optional input that is omitted.
        socketless: Whether nothing can be linked to it.
        widget_type: How it is shown, if not by its type.
        force_input: Whether it is shown as a socket alone.
        extra_dict: Further options.
        raw_link: Whether the node receives the link itself.
        advanced: Whether clients hide it at first.
    """

    def __init__(
        self,
        id: str,  # noqa: A002
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: Any = None,
        socketless: bool | None = None,
        widget_type: str | None = None,
        force_input: bool | None = None,
        extra_dict: Mapping[str, Any] | None = None,
        raw_link: bool | None = None,
        advanced: bool | None = None,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy, extra_dict, raw_link, advanced)
        self.default = default
        self.socketless = socketless
        self.widget_type = widget_type
        self.force_input = force_input

    def as_dict(self) -> dict[str, Any]:
        """Returns its options in the form of `INPUT_TYPES`."""
        options = {
            "default": self.default,
            "socketless": self.socketless,
            "widgetType": self.widget_type,
            "forceInput": self.force_input,
        }
        return {**given(options), **super().as_dict()}

    def get_widget_type(self) -> str:
        """Returns how it is shown."""
        return self.widget_type or self.io_type


class Output:
    """An output.

    Args:
        id: Its name in the schema.
        display_name: Its label.
        tooltip: A hint for people.
        is_output_list: Whether its elements become calls of the nodes after it.
    """

    Parent: ClassVar[type[ComfyType]]

    def __init__(
        self,
        id: str | None = None,  # noqa: A002
        display_name: str | None = None,
        tooltip: str | None = None,
        is_output_list: bool = False,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.tooltip = tooltip
        self.is_output_list = is_output_list

    @property
    def io_type(self) -> str:
        """The name of its type."""
        return self.Parent.io_type

    def get_io_type(self) -> str:
        """Returns the name of its type."""
        return self.io_type

    def as_dict(self) -> dict[str, Any]:
        """Returns what is declared of it."""
        return given({"display_name": self.display_name, "tooltip": self.tooltip})


# Types have their own Input and Output, which hide these names in their bodies.
BaseInput: TypeAlias = Input
BaseOutput: TypeAlias = Output


class ComfyTypeI(ComfyType):
    """A type that has inputs alone."""

    class Input(BaseInput):
        """An input of the type."""


class ComfyTypeIO(ComfyTypeI):
    """A type that has inputs and outputs."""

    class Output(BaseOutput):
        """An output of the type."""


Declared = TypeVar("Declared", bound=type[ComfyType])


def comfytype(io_type: str, **attributes: Any) -> Callable[[Declared], Declared]:
    """Decorates a class as a type of values, with inputs and outputs that are of this type.

    Args:
        io_type: Its name.
        attributes: Further attributes of the class.
    """

    def decorate(declared: Declared) -> Declared:
        declared.io_type = io_type
        for name, value in attributes.items():
            setattr(declared, name, value)
        for name in ("Input", "Output"):
            part: Any = getattr(declared, name, None)
            if part is None:
                continue
            if name not in vars(declared):
                part = type(name, (part,), {"__module__": declared.__module__})
                setattr(declared, name, part)
            part.Parent = declared
        return declared

    return decorate


def Custom(io_type: str) -> type[ComfyTypeIO]:
    """Returns a type of a pack's own."""
    return socket_type(io_type)


def socket_type(io_type: str, value: Any = Any, **attributes: Any) -> type[ComfyTypeIO]:
    """Returns a type without a widget.

    Args:
        io_type: Its name.
        value: The Python type of its values.
        attributes: Further attributes of the class.
    """
    declared = type(io_type, (ComfyTypeIO,), {"Type": value, **attributes, "__module__": __name__})
    return comfytype(io_type)(declared)


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options that have a value."""
    return {name: value for name, value in options.items() if value is not None}
