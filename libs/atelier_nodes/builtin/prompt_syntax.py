"""Prompt syntax: emphasis and other syntax in texts, and which of it the mesh does not support."""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"\\([()])")
_EMPHASIS = re.compile(r"(?<!\\)\((?:[^()]|\\[()])*(?<!\\)\)")
_EMBEDDING = re.compile(r"\bembedding:(\S+)")

# The contract requires at least one character; text encoders ignore a space.
NOTHING = " "


def unsupported_syntax(text: str) -> str:
    """Returns an error text about the first syntax that the mesh does not support; empty if there is none."""
    if match := _EMBEDDING.search(text):
        return f"the image service has no embeddings: {match[0]!r}"
    if match := _EMPHASIS.search(text):
        return (
            f"the image service draws all words with equal emphasis: {match[0]!r} asks for more or less; "
            r"write \( and \) for parentheses that are part of the text"
        )
    return ""


def plain_text(text: str) -> str:
    """The words of a prompt, without the escapes of its syntax; at least one character."""
    return _ESCAPED.sub(r"\1", text) or NOTHING
