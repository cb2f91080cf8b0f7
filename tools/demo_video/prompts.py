"""The words in which clips are asked for.

`plain_prompt` is the one clear wording that measurements use; `varied_prompt` is what training reads: the same wish in
many forms. A prompt without a background means white, or black for a white shape (`default_background`).
"""

import random

from tools.demo_image.prompts import FILLERS
from tools.demo_video.world import ClipSpec

LEAD_INS = ("a video of", "video of")


def default_background(color: str) -> str:
    """The background of a clip whose prompt names none."""
    return "black" if color == "white" else "white"


def plain_prompt(spec: ClipSpec) -> str:
    """The clearest wording of a spec, for example "a red ball moving right on a white background"."""
    return (
        f"{_with_article(f'{spec.color} {spec.shape}')} {_motion(spec)} on {_with_article(spec.background)} background"
    )


def varied_prompt(spec: ClipSpec, rng: random.Random) -> str:
    """One of the many wordings of a spec."""
    thing = f"{spec.color} {spec.shape}"
    if spec.shape == "ball" and rng.random() < 0.25:
        thing = f"{spec.color} circle"
    if rng.random() < 0.85:
        thing = _with_article(thing)
    thing = f"{thing} {_varied_motion(spec, rng)}"
    background = spec.background
    chance = rng.random()
    if background == default_background(spec.color) and chance < 0.5:
        prompt = thing
    elif chance < 0.76:
        prompt = f"{thing} on {_with_article(background)} background"
    elif chance < 0.85:
        prompt = f"{thing} on {background}"
    elif chance < 0.95:
        prompt = f"{thing}, {background} background"
    else:
        prompt = f"{background} background, {thing}"
    if rng.random() < 0.1:
        prompt = f"{rng.choice(LEAD_INS)} {prompt}"
    if rng.random() < 0.05:
        prompt = f"{prompt}, {rng.choice(FILLERS)}"
    return prompt


def _motion(spec: ClipSpec) -> str:
    return f"moving {spec.direction}"


def _varied_motion(spec: ClipSpec, rng: random.Random) -> str:
    if spec.direction in {"left", "right"} and rng.random() < 0.15:
        return f"moving to the {spec.direction}"
    return _motion(spec)


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
