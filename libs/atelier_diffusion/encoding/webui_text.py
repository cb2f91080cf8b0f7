"""The parameters of a picture as text in the form of AUTOMATIC1111's web UI, which galleries and other UIs read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_SAMPLERS = {"DDIM": "DDIM", "EULER": "Euler", "EULER_ANCESTRAL": "Euler a", "DPMPP_2M": "DPM++ 2M", "LCM": "LCM"}


def webui_text(parameters: Mapping[str, Any], software: str) -> str:
    """The prompt, the negative prompt behind its mark, and a line of `name: value`; what is not there is left out.

    Args:
        parameters: Resolved parameters by the names of the contract.
        software: What made the picture, for `Version`.
    """
    size = f"{parameters['width_px']}x{parameters['height_px']}" if "width_px" in parameters else None
    scale = parameters.get("guidance_scale")
    sampler = parameters.get("scheduler")
    fields = {
        "Steps": parameters.get("steps"),
        "Sampler": _SAMPLERS.get(str(sampler), sampler),
        "CFG scale": None if scale is None else f"{scale:g}",
        "Seed": parameters.get("seed"),
        "Size": size,
        "Model": parameters.get("model"),
        "Version": software,
    }
    lines = [str(parameters.get("prompt", ""))]
    if parameters.get("negative_prompt"):
        lines.append(f"Negative prompt: {parameters['negative_prompt']}")
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in fields.items() if value is not None))
    return "\n".join(lines)


def _quoted(value: object) -> str:
    """What would end the value for a reader is put in quotation marks, as the web UI does."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else text
