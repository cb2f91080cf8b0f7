"""Prompt tokens: how many tokens a prompt has, and how many of them the model reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from atelier_diffusion.policy.request import DrawingRequest

# Tokenizers without a limit report a number of thirty digits.
_NO_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class TokenCount:
    """The tokens of one text.

    Attributes:
        tokens: How many the text has, with the marks of beginning and end.
        limit: How many the model reads, marks included; 0 where that is unknown.
    """

    tokens: int
    limit: int

    @property
    def is_truncated(self) -> bool:
        return bool(self.limit) and self.tokens > self.limit


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """The counts of one request; None for an empty negative prompt."""

    prompt: TokenCount
    negative_prompt: TokenCount | None


def count_tokens(pipe: Any, request: DrawingRequest, max_sequence_length: int | None = None) -> PromptTokens | None:
    """Counts with the tokenizers of a loaded pipeline; of several, the one that truncates decides.

    Args:
        pipe: A diffusers pipeline.
        request: Whose prompts are counted.
        max_sequence_length: The limit that the pipeline's call itself sets; None if it sets none.

    Returns:
        None for a pipeline without a tokenizer.
    """
    tokenizers = [
        (tokenizer, _limit(tokenizer, getattr(pipe, f"text_encoder{suffix}", None), max_sequence_length))
        for suffix in ("", "_2")
        if (tokenizer := getattr(pipe, f"tokenizer{suffix}", None)) is not None
    ]
    if not tokenizers:
        return None
    negative = _count(tokenizers, request.negative_prompt) if request.negative_prompt else None
    return PromptTokens(_count(tokenizers, request.prompt), negative)


def _count(tokenizers: Iterable[tuple[Any, int]], text: str) -> TokenCount:
    counts = [
        TokenCount(len(tokenizer(text, truncation=False, verbose=False).input_ids), limit)
        for tokenizer, limit in tokenizers
    ]
    return max(counts, key=lambda count: (count.is_truncated, count.tokens))


def _limit(tokenizer: Any, encoder: Any, max_sequence_length: int | None) -> int:
    if max_sequence_length is not None:
        return max_sequence_length
    limits = (tokenizer.model_max_length, getattr(getattr(encoder, "config", None), "max_position_embeddings", None))
    return min((limit for limit in limits if isinstance(limit, int) and 0 < limit < _NO_LIMIT), default=0)
