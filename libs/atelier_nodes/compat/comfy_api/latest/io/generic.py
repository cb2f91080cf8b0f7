"""Types that stand for others: one of several, or the same one everywhere in a node."""

from collections.abc import Mapping
from typing import Any

from comfy_api.latest.io.inputs import BaseInput, BaseOutput, ComfyType, ComfyTypeI, ComfyTypeIO, WidgetInput, comfytype
from comfy_api.latest.io.sockets import AnyType


@comfytype("COMFY_MULTITYPED_V3")
class MultiType(ComfyTypeI):
    """One of several types."""

    class Input(BaseInput):
        """An input that takes several types.

        Args:
            id: Its name; or a widget, whose type is one of those that it takes.
            types: The types.
        """

        def __init__(
            self,
            id: str | BaseInput,  # noqa: A002
            types: list[type[ComfyType] | BaseInput],
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            extra_dict: Mapping[str, Any] | None = None,
            raw_link: bool | None = None,
            advanced: bool | None = None,
        ) -> None:
            self.input_override = id if isinstance(id, BaseInput) else None
            if isinstance(id, BaseInput):
                super().__init__(
                    id.id,
                    display_name or id.display_name,
                    optional or id.optional,
                    tooltip or id.tooltip,
                    lazy if lazy is not None else id.lazy,
                    {**id.extra_dict, **(extra_dict or {})},
                    raw_link,
                    advanced,
                )
            else:
                super().__init__(id, display_name, optional, tooltip, lazy, extra_dict, raw_link, advanced)
            self._io_types = [each.io_type for each in types]
            if isinstance(id, BaseInput):
                self._io_types = list(dict.fromkeys([id.get_io_type(), *self._io_types]))

        @property
        def io_types(self) -> list[str]:
            """The names of the types."""
            return self._io_types

        @property
        def io_type(self) -> str:
            """The names of the types with commas between them."""
            return ",".join(self._io_types)

        def as_dict(self) -> dict[str, Any]:
            """Returns its options in the form of `INPUT_TYPES`; those of the widget too."""
            widget = self.input_override
            shown = {} if widget is None else {**widget.as_dict(), "widgetType": _widget_type(widget)}
            return {**shown, **super().as_dict()}


def _widget_type(widget: BaseInput) -> str:
    return widget.get_widget_type() if isinstance(widget, WidgetInput) else widget.io_type


class Template:
    """A type that is the same in all inputs and outputs of a node that name it.

    Args:
        template_id: Its name in the node.
        allowed_types: What it may be.
    """

    def __init__(self, template_id: str, allowed_types: type[ComfyType] | list[type[ComfyType]] = AnyType) -> None:
        self.template_id = template_id
        self.allowed_types = allowed_types if isinstance(allowed_types, list) else [allowed_types]

    def as_dict(self) -> dict[str, Any]:
        """Returns the template as clients read it."""
        allowed = ",".join(each.io_type for each in self.allowed_types)
        return {"template_id": self.template_id, "allowed_types": allowed}


@comfytype("COMFY_MATCHTYPE_V3")
class MatchType(ComfyTypeIO):
    """Inputs and outputs of one type, whichever it is."""

    Template = Template

    class Input(BaseInput):
        """An input of the template's type."""

        def __init__(
            self,
            id: str,  # noqa: A002
            template: Template,
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

    class Output(BaseOutput):
        """An output of the template's type."""

        def __init__(
            self,
            template: Template,
            id: str | None = None,  # noqa: A002
            display_name: str | None = None,
            tooltip: str | None = None,
            is_output_list: bool = False,
        ) -> None:
            super().__init__(id, display_name, tooltip, is_output_list)
            self.template = template
