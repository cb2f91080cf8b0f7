"""Regular expression nodes: match, extract and replace."""

from __future__ import annotations

import re

from atelier_nodes.builtin.declarations import InputTypes, choice, flag, integer, text

EXTRACT_MODES = ("First Match", "All Matches", "First Group", "All Groups")
_MAX_GROUPS = 100


class RegexMatch:
    """Whether a pattern is found anywhere in a text."""

    RETURN_TYPES = ("BOOLEAN",)
    RETURN_NAMES = ("matches",)
    FUNCTION = "execute"
    CATEGORY = "utilities/string"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"string": text(multiline=True), "regex_pattern": text(multiline=True), **_flags()}}

    def execute(
        self, string: str, regex_pattern: str, case_insensitive: bool, multiline: bool, dotall: bool
    ) -> tuple[bool]:
        try:
            pattern = _compiled(regex_pattern, case_insensitive, multiline, dotall)
        except re.error:
            # What is no pattern matches nothing.
            return (False,)
        return (pattern.search(string) is not None,)


class RegexExtract:
    """The matches of a pattern, or one of its groups, a line each; an empty text if there is none."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "execute"
    CATEGORY = "utilities/string"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "string": text(multiline=True),
                "regex_pattern": text(multiline=True),
                "mode": choice(EXTRACT_MODES),
                **_flags(),
                "group_index": integer(1, 0, _MAX_GROUPS),
            }
        }

    def execute(
        self,
        string: str,
        regex_pattern: str,
        mode: str,
        case_insensitive: bool,
        multiline: bool,
        dotall: bool,
        group_index: int,
    ) -> tuple[str]:
        try:
            pattern = _compiled(regex_pattern, case_insensitive, multiline, dotall)
        except re.error:
            return ("",)
        group = group_index if mode.endswith(("Group", "Groups")) else 0
        if group > pattern.groups:
            return ("",)
        found = [match.group(group) or "" for match in pattern.finditer(string)]
        return ("\n".join(found if mode.startswith("All") else found[:1]),)


class RegexReplace:
    """A text with the matches of a pattern replaced; a `count` of 0 replaces all."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "execute"
    CATEGORY = "utilities/string"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "string": text(multiline=True),
                "regex_pattern": text(multiline=True),
                "replace": text(multiline=True),
            },
            "optional": {**_flags(), "count": integer(0, 0, _MAX_GROUPS)},
        }

    def execute(
        self,
        string: str,
        regex_pattern: str,
        replace: str,
        case_insensitive: bool = True,
        multiline: bool = False,
        dotall: bool = False,
        count: int = 0,
    ) -> tuple[str]:
        pattern = _compiled(regex_pattern, case_insensitive, multiline, dotall)
        return (pattern.sub(replace, string, count=count),)


NODES: tuple[type, ...] = (RegexMatch, RegexExtract, RegexReplace)


def _flags() -> dict[str, tuple[object, ...]]:
    return {"case_insensitive": flag(True), "multiline": flag(False), "dotall": flag(False)}


def _compiled(pattern: str, case_insensitive: bool, multiline: bool, dotall: bool) -> re.Pattern[str]:
    flags = re.NOFLAG
    for asked, value in ((case_insensitive, re.IGNORECASE), (multiline, re.MULTILINE), (dotall, re.DOTALL)):
        if asked:
            flags |= value
    return re.compile(pattern, flags)
