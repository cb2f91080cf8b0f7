"""Types with widgets: numbers, texts, switches and choices."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum, EnumMeta, StrEnum
from typing import Any, Literal

from comfy_api.latest.io.inputs import BaseOutput, ComfyTypeIO, WidgetInput, comfytype, given


class NumberDisplay(StrEnum):
    """How a number is shown."""

    number = "number"
    slider = "slider"
    color = "color"
    gradient_slider = "gradientslider"


class ControlAfterGenerate(StrEnum):
    """What a client does with a value after each prompt."""

    fixed = "fixed"
    increment = "increment"
    decrement = "decrement"
    randomize = "randomize"


class UploadType(StrEnum):
    """The kind of files that a choice lets people upload; also the name of the option."""

    image = "image_upload"
    audio = "audio_upload"
    video = "video_upload"
    model = "file_upload"


class FolderType(StrEnum):
    """The folder of a file."""

    input = "input"
    output = "output"
    temp = "temp"


@dataclass(frozen=True)
class RemoteOptions:
    """Where a client finds the choices.

    Attributes:
        route: Path or URL.
        refresh_button: Whether people can ask for them again.
        control_after_refresh: What is chosen then.
        timeout: In milliseconds.
        max_retries: How often a failed request is repeated.
        refresh: After how many milliseconds they are requested again.
    """

    route: str
    refresh_button: bool
    control_after_refresh: Literal["first", "last"] = "first"
    timeout: int | None = None
    max_retries: int | None = None
    refresh: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Returns the options that are set."""
        return given(asdict(self))


class _OptionsInput(WidgetInput):
    """A widget whose further options are passed as they are.

    Args:
        id: Its name.
        options: Options of its type, without those that are None.
        common: Arguments of `WidgetInput`.
    """

    def __init__(self, id: str, options: Mapping[str, Any], common: Mapping[str, Any]) -> None:  # noqa: A002
        super().__init__(id, **common)
        self._options = given(options)
        for name, value in options.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        """Returns its options in the form of `INPUT_TYPES`."""
        return {**self._options, **super().as_dict()}


@comfytype("BOOLEAN")
class Boolean(ComfyTypeIO):
    """True or false."""

    Type = bool

    class Input(_OptionsInput):
        """A switch; `label_on` and `label_off` are its labels."""

        def __init__(
            self,
            id: str,  # noqa: A002
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            default: bool | None = None,
            label_on: str | None = None,
            label_off: str | None = None,
            socketless: bool | None = None,
            force_input: bool | None = None,
            extra_dict: Mapping[str, Any] | None = None,
            raw_link: bool | None = None,
            advanced: bool | None = None,
        ) -> None:
            common = _common(locals())
            super().__init__(id, {"label_on": label_on, "label_off": label_off}, common)


@comfytype("INT")
class Int(ComfyTypeIO):
    """A whole number."""

    Type = int

    class Input(_OptionsInput):
        """A number of `min` to `max`."""

        def __init__(
            self,
            id: str,  # noqa: A002
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            default: int | None = None,
            min: int | None = None,  # noqa: A002
            max: int | None = None,  # noqa: A002
            step: int | None = None,
            control_after_generate: bool | ControlAfterGenerate | None = None,
            display_mode: NumberDisplay | None = None,
            socketless: bool | None = None,
            force_input: bool | None = None,
            extra_dict: Mapping[str, Any] | None = None,
            raw_link: bool | None = None,
            advanced: bool | None = None,
        ) -> None:
            options = {
                "min": min,
                "max": max,
                "step": step,
                "control_after_generate": control_after_generate,
                "display": display_mode and str(display_mode),
            }
            super().__init__(id, options, _common(locals()))


@comfytype("FLOAT")
class Float(ComfyTypeIO):
    """A number."""

    Type = float

    class Input(_OptionsInput):
        """A number of `min` to `max`; clients round it to `round`."""

        def __init__(
            self,
            id: str,  # noqa: A002
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            default: float | None = None,
            min: float | None = None,  # noqa: A002
            max: float | None = None,  # noqa: A002
            step: float | None = None,
            round: float | None = None,  # noqa: A002
            display_mode: NumberDisplay | None = None,
            gradient_stops: Any = None,
            socketless: bool | None = None,
            force_input: bool | None = None,
            extra_dict: Mapping[str, Any] | None = None,
            raw_link: bool | None = None,
            advanced: bool | None = None,
        ) -> None:
            options = {
                "min": min,
                "max": max,
                "step": step,
                "round": round,
                "display": display_mode and str(display_mode),
                "gradient_stops": gradient_stops,
            }
            super().__init__(id, options, _common(locals()))


@comfytype("STRING")
class String(ComfyTypeIO):
    """A text."""

    Type = str

    class Input(_OptionsInput):
        """A text, of several lines with `multiline`."""

        def __init__(
            self,
            id: str,  # noqa: A002
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            multiline: bool = False,
            placeholder: str | None = None,
            default: str | None = None,
            dynamic_prompts: bool | None = None,
            socketless: bool | None = None,
            force_input: bool | None = None,
            extra_dict: Mapping[str, Any] | None = None,
            raw_link: bool | None = None,
            advanced: bool | None = None,
        ) -> None:
            options = {"multiline": multiline, "placeholder": placeholder, "dynamicPrompts": dynamic_prompts}
            super().__init__(id, options, _common(locals()))


@comfytype("COMBO")
class Combo(ComfyTypeIO):
    """One of several choices."""

    Type = str

    class Input(_OptionsInput):
        """A choice of `options`, which may be an `Enum`; `upload` lets people add files of `image_folder`."""

        def __init__(
            self,
            id: str,  # noqa: A002
            options: Sequence[Any] | type[Enum] | None = None,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            default: Any = None,
            control_after_generate: bool | ControlAfterGenerate | None = None,
            upload: UploadType | None = None,
            image_folder: FolderType | None = None,
            remote: RemoteOptions | None = None,
            socketless: bool | None = None,
            extra_dict: Mapping[str, Any] | None = None,
            raw_link: bool | None = None,
            advanced: bool | None = None,
        ) -> None:
            shown: dict[str, Any] = {
                "options": choices_of(options),
                "control_after_generate": control_after_generate,
                "image_folder": image_folder and str(image_folder),
                "remote": remote and remote.as_dict(),
            }
            if upload is not None:
                shown[str(upload)] = True
            super().__init__(id, shown, _common(locals()) | {"default": _value_of(default)})

    class Output(BaseOutput):
        """A choice."""

        def __init__(
            self,
            id: str | None = None,  # noqa: A002
            display_name: str | None = None,
            options: Sequence[Any] | None = None,
            tooltip: str | None = None,
            is_output_list: bool = False,
        ) -> None:
            super().__init__(id, display_name, tooltip, is_output_list)
            self.options = list(options or [])


@comfytype("COMBO")
class MultiCombo(ComfyTypeIO):
    """Some of several choices."""

    Type = list[str]

    class Input(_OptionsInput):
        """Choices of `options`."""

        def __init__(
            self,
            id: str,  # noqa: A002
            options: Sequence[Any] | type[Enum],
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            default: list[Any] | None = None,
            placeholder: str | None = None,
            chip: bool | None = None,
            control_after_generate: bool | ControlAfterGenerate | None = None,
            socketless: bool | None = None,
            extra_dict: Mapping[str, Any] | None = None,
            raw_link: bool | None = None,
            advanced: bool | None = None,
        ) -> None:
            shown: dict[str, Any] = {
                "options": choices_of(options),
                "multiselect": True,
                "placeholder": placeholder,
                "chip": chip,
                "control_after_generate": control_after_generate,
            }
            values = None if default is None else [_value_of(each) for each in default]
            super().__init__(id, shown, _common(locals()) | {"default": values})


@comfytype("WEBCAM")
class Webcam(ComfyTypeIO):
    """A picture of a camera."""

    Type = str

    class Input(WidgetInput):
        """A camera."""


@comfytype("COLOR")
class Color(ComfyTypeIO):
    """A colour, as `#rrggbb`."""

    Type = str

    class Input(WidgetInput):
        """A colour."""


@comfytype("IMAGECOMPARE")
class ImageCompare(ComfyTypeIO):
    """Two pictures beside each other."""

    class Input(WidgetInput):
        """A comparison."""


def choices_of(options: Sequence[Any] | type[Enum] | None) -> list[Any] | None:
    """Returns choices as values; of members of an `Enum` what they stand for."""
    if options is None:
        return None
    members: Sequence[Any] = list(options) if isinstance(options, EnumMeta) else options
    return [_value_of(each) for each in members]


_COMMON = (
    "display_name",
    "optional",
    "tooltip",
    "lazy",
    "default",
    "socketless",
    "force_input",
    "extra_dict",
    "raw_link",
    "advanced",
)


def _common(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that every widget takes."""
    return {name: arguments[name] for name in _COMMON if name in arguments}


def _value_of(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
