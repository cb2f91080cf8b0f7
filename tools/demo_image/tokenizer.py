"""The demo model's tokenizer: a small byte-pair encoding in which every word of the demo world is one token.

It is an ordinary CLIP tokenizer (lower case, words end in "</w>", all 256 bytes have a token, so any text can be
read); only its 242 merges are our own. The word list is wider than the prompts of today's world, so that a later
world (styles, relations, motion) can be taught to the same text encoder.
"""

import collections
import itertools
import json
from pathlib import Path
from typing import Any

from transformers import CLIPTokenizer

PROMPT_MAX_TOKENS = 32
START, END = "<|startoftext|>", "<|endoftext|>"
WORDS = (
    "above an and art at background ball beautiful below best big black blue boat bouncing by circle circles "
    "cute day detailed diamond diamonds down drawing fading fast flat from green growing heart hearts highly "
    "house image large left masterpiece moon mountains moving night of on orange painting photo picture pink "
    "pixel purple quality red right rotating sea shrinking simple slowly small spinning square squares star "
    "stars still sun sunrise sunset the then three tiny to tree triangle triangles two under up video "
    "watercolor white yellow"
)

_Merge = tuple[str, str]


def build_tokenizer() -> CLIPTokenizer:
    """Build the tokenizer (transformers 5 takes the vocabulary and the merges as values)."""
    merges = _merges(WORDS.split())
    vocabulary: Any = _vocabulary(merges)
    pairs: Any = merges  # the constructor takes pairs, though its annotation says lines
    return CLIPTokenizer(vocab=vocabulary, merges=pairs, model_max_length=PROMPT_MAX_TOKENS)


def save_tokenizer(folder: Path) -> None:
    """Write the tokenizer; vocab.json and merges.txt are for readers that know no tokenizer.json."""
    build_tokenizer().save_pretrained(folder)
    merges = _merges(WORDS.split())
    (folder / "vocab.json").write_text(json.dumps(_vocabulary(merges), ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _merges(words: list[str]) -> list[_Merge]:
    """Plain byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909) until every word is one token."""
    sequences = {word: (*word[:-1], f"{word[-1]}</w>") for word in sorted(words)}
    merges: list[_Merge] = []
    while True:
        pairs = collections.Counter(pair for sequence in sequences.values() for pair in itertools.pairwise(sequence))
        if not pairs:
            return merges
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        sequences = {word: _merged(sequence, best) for word, sequence in sequences.items()}


def _merged(sequence: tuple[str, ...], pair: _Merge) -> tuple[str, ...]:
    merged: list[str] = []
    i = 0
    while i < len(sequence):
        width = 2 if sequence[i : i + 2] == pair else 1
        merged.append("".join(sequence[i : i + width]))
        i += width
    return tuple(merged)


def _vocabulary(merges: list[_Merge]) -> dict[str, int]:
    letters = _byte_letters()
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(a + b for a, b in merges), START, END]
    return {token: index for index, token in enumerate(dict.fromkeys(tokens))}


def _byte_letters() -> list[str]:
    """One printable letter for each byte, in GPT-2's order (openai/gpt-2, encoder.py, bytes_to_unicode)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + index) for index in range(len(hidden))]
