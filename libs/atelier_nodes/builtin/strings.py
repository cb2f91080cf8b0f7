"""String nodes: join, cut, compare and replace text."""

from __future__ import annotations

from collections.abc import Callable

from atelier_nodes.builtin.declarations import InputTypes, choice, flag, integer, text

_CASES: dict[str, Callable[[str], str]] = {
    "UPPERCASE": str.upper,
    "lowercase": str.lower,
    "Capitalize": str.capitalize,
    "Title Case": str.title,
}
_TRIMS: dict[str, Callable[[str], str]] = {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}
_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "Starts With": str.startswith,
    "Ends With": str.endswith,
    "Equal": str.__eq__,
}
_MAX_INDEX = 1 << 31


class StringConcatenate:
    """Two texts with a delimiter between them."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "execute"
    CATEGORY = "utilities/string"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"string_a": text(multiline=True), "string_b": text(multiline=True), "delimiter": text()}}

    def execute(self, string_a: str, string_b: str, delimiter: str = "") -> tuple[str]:
        return (delimiter.join((string_a, string_b)),)


class StringSubstring:
    """The characters from `start` to before `end`, counted as Python counts."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "execute"
    CATEGORY = "utilities/string"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "string": text(multiline=True),
                "start": integer(0, -_MAX_INDEX, _MAX_INDEX),
                "end": integer(0, -_MAX_INDEX, _MAX_INDEX),
            }
        }

    def execute(self, string: str, start: int, end: int) -> tuple[str]:
        return (string[start:end],)


class StringLength:
    """The number of characters."""

    RETURN_TYPES = ("INT",)
    RETURN_NAMES = ("length",)
    FUNCTION = "execute"
    CATEGORY = "utilities/string"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"string": text(multiline=True)}}

    def execute(self, string: str) -> tuple[int]:
        return (len(string),)


class CaseConverter:
    """A text in upper case, lower case, capitalised, or in title case."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "execute"
    CATEGORY = "utilities/string"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"string": text(multiline=True), "mode": choice(tuple(_CASES))}}

    def execute(self, string: str, mode: str) -> tuple[str]:
        return (_CASES[mode](string),)


class StringTrim:
    """A text without white space at its ends."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "execute"
    CATEGORY = "utilities/string"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"string": text(multiline=True), "mode": choice(tuple(_TRIMS))}}

    def execute(self, string: str, mode: str) -> tuple[str]:
        return (_TRIMS[mode](string),)


class StringReplace:
    """A text with every occurrence of another one replaced."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "execute"
    CATEGORY = "utilities/string"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"string": text(multiline=True), "find": text(), "replace": text()}}

    def execute(self, string: str, find: str, replace: str) -> tuple[str]:
        return (string.replace(find, replace),)


class StringContains:
    """Whether a text contains another one."""

    RETURN_TYPES = ("BOOLEAN",)
    RETURN_NAMES = ("contains",)
    FUNCTION = "execute"
    CATEGORY = "utilities/string"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"string": text(multiline=True), "substring": text(), "case_sensitive": flag(True)}}

    def execute(self, string: str, substring: str, case_sensitive: bool = True) -> tuple[bool]:
        if not case_sensitive:
            string, substring = string.lower(), substring.lower()
        return (substring in string,)


class StringCompare:
    """Whether a text begins or ends with another one, or equals it."""

    RETURN_TYPES = ("BOOLEAN",)
    FUNCTION = "execute"
    CATEGORY = "utilities/string"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "string_a": text(multiline=True),
                "string_b": text(multiline=True),
                "mode": choice(tuple(_COMPARISONS)),
                "case_sensitive": flag(True),
            }
        }

    def execute(self, string_a: str, string_b: str, mode: str, case_sensitive: bool = True) -> tuple[bool]:
        if not case_sensitive:
            string_a, string_b = string_a.lower(), string_b.lower()
        return (_COMPARISONS[mode](string_a, string_b),)


NODES: tuple[type, ...] = (
    StringConcatenate,
    StringSubstring,
    StringLength,
    CaseConverter,
    StringTrim,
    StringReplace,
    StringContains,
    StringCompare,
)
