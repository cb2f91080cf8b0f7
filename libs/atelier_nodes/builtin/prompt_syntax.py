"""Prompt syntax: what a text says besides words, and what of it the mesh cannot draw."""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"\\([()])")
_EMPHASIS = re.compile(r"(?<!\\)\((?:[^()]|\\[()])*(?<!\\)\)")
_EMBEDDING = re.compile(r"\bembedding:(\S+)")

# The contract wants at least one character; text encoders read a space as nothing.
NOTHING = " "


def unsupported_syntax(text: str) -> str:
    """A sentence about the first thing that a text asks and the mesh cannot do; empty if there is none."""
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
