"""Asking for clips, and looking at them."""

import io
from collections.abc import Iterable
from typing import Any

import av
import httpx2
import numpy as np
import numpy.typing as npt
from PIL import Image

GENERATE = "/api/v1/videos/generate"
LONG_MODEL = "long-video"
"""The demo model under another name, for clips of up to 256 frames."""

FIRST_FRAME_MODEL = "first-frame-video"
"""The demo model under a third name, said to begin with a picture. It cannot, but its input is checked."""

MODELS = f"""
models:
  {LONG_MODEL}: {{source: "path:models/demo-video", max_frames: 256}}
  {FIRST_FRAME_MODEL}: {{source: "path:models/demo-video", takes_first_frame: true}}
"""
"""A mesh's models.yaml."""

Pixels = npt.NDArray[np.uint8]


def generate_clip(client: httpx2.Client, prompt: str = "a red ball moving right", **parameters: Any) -> dict[str, Any]:
    """A finished video; raises AssertionError when it does not succeed within a minute."""
    answer = client.post(GENERATE, json={"prompt": prompt, **parameters}, headers={"Prefer": "wait=60"})
    assert answer.status_code == 200, answer.text
    video: dict[str, Any] = answer.json()
    assert video["state"] == "SUCCEEDED", video
    return video


def frames_of(clip: bytes) -> list[Pixels]:
    """Every frame of a clip, (height, width, 3), by the decoder that counts."""
    with av.open(io.BytesIO(clip), "r") as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def pixels_of(picture: bytes) -> Pixels:
    """(height, width, 3)."""
    with Image.open(io.BytesIO(picture)) as opened:
        return np.asarray(opened.convert("RGB"))


def difference(one: Pixels, other: Pixels) -> float:
    """Mean over all values, of 255."""
    return float(np.abs(one.astype(np.int16) - other).mean())


def places_of_red(frames: Iterable[Pixels]) -> list[float]:
    """How far right the middle of what is red lies in each frame, in pixels."""
    return [float(np.nonzero((f[..., 0] > 150) & (f[..., 1:].max(-1) < 110))[1].mean()) for f in frames]
