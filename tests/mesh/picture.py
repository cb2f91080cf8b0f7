"""Asking for pictures, and looking at them."""

import io
from typing import Any

import httpx2
from PIL import Image

PALETTE = {"red": (220, 40, 40), "blue": (45, 90, 215), "yellow": (250, 215, 50), "green": (45, 160, 70)}


def generate(
    client: httpx2.Client, prompt: str = "a red circle on a blue background", **parameters: Any
) -> dict[str, Any]:
    """A finished image; raises AssertionError when it does not succeed within a minute."""
    answer = client.post(
        "/api/v1/images/generate", json={"prompt": prompt, **parameters}, headers={"Prefer": "wait=60"}
    )
    assert answer.status_code == 200, answer.text
    image: dict[str, Any] = answer.json()
    assert image["state"] == "SUCCEEDED", image
    return image


def content(client: httpx2.Client, image: dict[str, Any], index: int = 0) -> bytes:
    """The bytes of one of its pictures."""
    answer = client.get(image["outputs"][index]["content_url"])
    assert answer.status_code == 200, answer.text
    return answer.content


def colour_at(picture: bytes, x: float, y: float) -> str:
    """The palette's name of the colour at a place of the picture (0 to 1 each way)."""
    with Image.open(io.BytesIO(picture)) as opened:
        place = (int(x * (opened.width - 1)), int(y * (opened.height - 1)))
        pixel = opened.convert("RGB").getpixel(place)
    assert isinstance(pixel, tuple)
    return min(PALETTE, key=lambda name: sum((a - b) ** 2 for a, b in zip(PALETTE[name], pixel, strict=True)))
