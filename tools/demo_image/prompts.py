"""The words in which the demo world is asked for.

`plain_prompt` is the one clear wording that measurements use; `varied_prompt` is what training reads: the same wish in
many forms, now and then without the background, with a style word that means nothing, or with a word of noise.
"""

import random
import string

from tools.demo_image.world import SceneSpec, ShapeSpec, Spec

LEAD_INS = ("a picture of", "a drawing of", "an image of", "a painting of")
FILLERS = ("beautiful", "highly detailed", "4k", "best quality", "simple", "cute", "photo", "masterpiece", "flat")
SIZE_WORDS = {"": ("",), "big": ("big", "large"), "small": ("small", "tiny")}


def plain_prompt(spec: Spec) -> str:
    """The clearest wording of a spec, for example "a small red circle on a blue background"."""
    if isinstance(spec, ShapeSpec):
        return f"{_with_article(_object(spec, spec.size))} on {_with_article(spec.background)} background"
    return _scene(spec)


def varied_prompt(spec: Spec, rng: random.Random) -> str:
    """One of the many wordings of a spec."""
    prompt = _varied_shape(spec, rng) if isinstance(spec, ShapeSpec) else _scene(spec)
    if rng.random() < 0.12:
        prompt = f"{rng.choice(LEAD_INS)} {prompt}"
    chance = rng.random()
    if chance < 0.10:
        prompt = f"{prompt}, {rng.choice(FILLERS)}"
    elif chance < 0.13:
        noise = "".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 7)))
        prompt = f"{prompt} {noise}"
    return prompt


def _varied_shape(spec: ShapeSpec, rng: random.Random) -> str:
    thing = _object(spec, rng.choice(SIZE_WORDS[spec.size]))
    if rng.random() < 0.85:
        thing = _with_article(thing)
    background = spec.background
    chance = rng.random()
    if chance < 0.04:
        return thing
    if chance < 0.62:
        return f"{thing} on {_with_article(background)} background"
    if chance < 0.76:
        return f"{thing} on {background}"
    if chance < 0.92:
        return f"{thing}, {background} background"
    return f"{background} background, {thing}"


def _object(spec: ShapeSpec, size_word: str) -> str:
    return f"{size_word} {spec.color} {spec.shape}".strip()


def _scene(spec: SceneSpec) -> str:
    thing = {
        "house": _with_article(f"{spec.color} house"),
        "boat": f"{_with_article(f'{spec.color} boat')} on the sea",
        "tree": "a tree",
        "mountains": "mountains",
    }[spec.subject]
    if spec.with_tree:
        thing += " and a tree"
    if spec.with_orb:
        thing += " under the moon" if spec.time == "night" else " under the sun"
    return thing + {"day": " by day", "night": " at night", "sunset": " at sunset"}[spec.time]


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
