"""One-node nodes, Atelier's own: a picture or a clip from a prompt, in one node each."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from atelier_nodes.builtin.checkpoints import model_names
from atelier_nodes.builtin.declarations import Declaration, InputTypes, choice, integer, linked, number, seed, text
from atelier_nodes.builtin.node_mesh import NodeMesh
from atelier_nodes.builtin.pixels import to_bytes
from atelier_nodes.builtin.prompt_syntax import NOTHING
from atelier_nodes.builtin.sampler_names import (
    SAMPLERS,
    SCHEDULER_OF,
    SCHEDULERS,
    SIGMAS_OF,
    refused_names,
    sampler_parameters,
)
from atelier_nodes.builtin.sampling import MAX_COUNT, NARROW_SEED_RANGE, seeded
from atelier_nodes.builtin.video_values import VideoFromFile, VideoValue

# The value of an input that leaves the choice to the model's card.
OF_THE_MODEL = "model"
_MAX_SIDE_PX = 2048
_MAX_STEPS = 200
_MAX_FRAMES = 9000
_MAX_BATCH = 64


class AtelierTextToImage:
    """Pictures of a prompt. What is 0, or -1 for the guidance, is as the model's card says."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "draw"
    CATEGORY = "atelier"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "model": choice(model_names("image")),
                "prompt": text(multiline=True),
                "seed": seed(),
            },
            "optional": {
                "negative_prompt": text(multiline=True),
                **_drawing(),
                "batch_size": integer(1, 1, _MAX_BATCH),
                "sampler_name": choice((OF_THE_MODEL, *SAMPLERS), default=OF_THE_MODEL),
                "scheduler": choice((OF_THE_MODEL, *SCHEDULERS), default=OF_THE_MODEL),
            },
        }

    @classmethod
    def VALIDATE_INPUTS(cls, sampler_name: str | None = None, scheduler: str | None = None) -> bool | str:
        names = [None if name == OF_THE_MODEL else name for name in (sampler_name, scheduler)]
        return refused_names(*names) or True

    async def draw(
        self,
        model: str,
        prompt: str,
        seed: int,
        negative_prompt: str = "",
        width: int = 0,
        height: int = 0,
        steps: int = 0,
        guidance_scale: float = -1.0,
        batch_size: int = 1,
        sampler_name: str = OF_THE_MODEL,
        scheduler: str = OF_THE_MODEL,
    ) -> tuple[Tensor]:
        mesh = NodeMesh.current()
        asked = _asked(model, prompt, negative_prompt, width, height, steps, guidance_scale)
        asked |= _sampler(sampler_name, scheduler)
        jobs = [
            {**asked, **seeded(seed + first, min(MAX_COUNT, batch_size - first)), "output_format": "PNG"}
            for first in range(0, batch_size, MAX_COUNT)
        ]
        progress = mesh.progress()
        answers = await mesh.gather([partial(mesh.draw, job, progress) for job in jobs])
        pictures = [partial(mesh.read_picture, picture) for answer in answers for picture in answer.pictures]
        return (torch.stack(await mesh.gather(pictures)),)


class AtelierTextToClip:
    """A clip of a prompt. What is 0, or -1 for the guidance, is as the model's card says."""

    RETURN_TYPES = ("VIDEO",)
    FUNCTION = "draw"
    CATEGORY = "atelier"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": _clip_inputs(), "optional": _clip_options()}

    async def draw(self, **asked: Any) -> tuple[VideoValue]:
        return (await _clip(NodeMesh.current(), asked),)


class AtelierPictureToClip:
    """A clip of a prompt that begins with a picture, for models that take one."""

    RETURN_TYPES = ("VIDEO",)
    FUNCTION = "draw"
    CATEGORY = "atelier"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"image": linked("IMAGE"), **_clip_inputs()}, "optional": _clip_options()}

    async def draw(self, image: Tensor, **asked: Any) -> tuple[VideoValue]:
        mesh = NodeMesh.current()
        first_frame = await mesh.store_picture(to_bytes(image[0][..., :3]))
        return (await _clip(mesh, asked, first_frame_asset_id=first_frame),)


NODES: tuple[type, ...] = (AtelierTextToImage, AtelierTextToClip, AtelierPictureToClip)


def _sampler(sampler_name: str, scheduler: str) -> dict[str, str]:
    if scheduler == OF_THE_MODEL:
        return {} if sampler_name == OF_THE_MODEL else {"scheduler": SCHEDULER_OF[sampler_name]}
    if sampler_name == OF_THE_MODEL:
        return {"sigmas": SIGMAS_OF[scheduler]}
    return sampler_parameters(sampler_name, scheduler)


def _drawing() -> dict[str, Declaration]:
    return {
        "width": integer(0, 0, _MAX_SIDE_PX, 8),
        "height": integer(0, 0, _MAX_SIDE_PX, 8),
        "steps": integer(0, 0, _MAX_STEPS),
        "guidance_scale": number(-1.0, -1.0, 30.0, 0.1),
    }


def _clip_inputs() -> dict[str, Declaration]:
    return {
        "model": choice(model_names("video")),
        "prompt": text(multiline=True),
        "seed": integer(0, 0, NARROW_SEED_RANGE - 1, control_after_generate=True),
    }


def _clip_options() -> dict[str, Declaration]:
    return {
        "negative_prompt": text(multiline=True),
        **_drawing(),
        "frames": integer(0, 0, _MAX_FRAMES),
        "frame_rate": number(0.0, 0.0, 240.0, 0.1),
    }


async def _clip(mesh: NodeMesh, asked: dict[str, Any], **others: Any) -> VideoValue:
    values = _asked(
        asked["model"],
        asked["prompt"],
        asked.get("negative_prompt", ""),
        asked.get("width", 0),
        asked.get("height", 0),
        asked.get("steps", 0),
        asked.get("guidance_scale", -1.0),
    )
    given = {"frames": asked.get("frames", 0), "frame_rate_hz": asked.get("frame_rate", 0.0)}
    values |= {name: value for name, value in given.items() if value}
    values |= {"seed": asked["seed"], "container": "MP4", **others}
    return VideoFromFile(await mesh.draw_clip(values, mesh.progress()))


def _asked(
    model: str, prompt: str, negative_prompt: str, width: int, height: int, steps: int, guidance_scale: float
) -> dict[str, Any]:
    given = {"negative_prompt": negative_prompt, "width_px": width, "height_px": height, "steps": steps}
    values: dict[str, Any] = {"model": model, "prompt": prompt or NOTHING}
    values |= {name: value for name, value in given.items() if value}
    if guidance_scale >= 0:
        values["guidance_scale"] = guidance_scale
    return values
