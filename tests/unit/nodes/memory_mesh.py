"""A mesh in memory: assets in a dict, and a model whose pictures can be foretold.

Its autoencoder has cells of 8 × 8 pixels and four channels: the mean colour, and 1. It draws cells of one colour each,
which its prompt and the seed say; what it begins with shows through by 1 - denoise. The contract's rules hold.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
import protovalidate
from google.protobuf.json_format import MessageToDict, ParseDict
from numpy.typing import NDArray
from PIL import Image

from atelier.image.v1.image_pb2 import GenerationParameters
from atelier.video.v1.video_pb2 import VideoParameters
from atelier_diffusion.encoding.latent_file import encode_latent, read_latent
from atelier_diffusion.engine.results import Latent
from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_nodes.mesh import (
    ClipAnswer,
    ClipCall,
    ImageAnswer,
    ImageCall,
    MeshError,
    MeshProgress,
    ModelInfo,
    OnMeshProgress,
)

CELL_PX = 8
COLOURS = {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}


@dataclass
class MemoryMesh:
    """A `MeshCalls`.

    Attributes:
        assets: Content by asset id.
        calls: Image calls that were made, a repeated one once.
        stored: How many assets nodes have stored.
        clips: Clip calls that were made.
        clip: Content of the clip that every clip call returns.
        running: The largest number of image calls that ran at the same time.
        together: Image calls end only when so many run at the same time.
    """

    assets: dict[str, bytes] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)
    stored: int = 0
    clips: list[dict[str, Any]] = field(default_factory=list)
    clip: bytes = b""
    running: int = 0
    together: int = 1
    _running: int = 0
    _answers: dict[str, ImageAnswer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._barrier = asyncio.Barrier(self.together)

    async def generate_image(self, call: ImageCall, on_progress: OnMeshProgress) -> ImageAnswer:
        parameters = _checked(call.parameters, GenerationParameters())
        key = json.dumps([call.node_id, parameters], sort_keys=True)
        if key in self._answers:
            return self._answers[key]
        self.calls.append(parameters)
        self._running += 1
        self.running = max(self.running, self._running)
        for step in range(1, parameters["steps"] + 1):
            await asyncio.sleep(0)
            on_progress(MeshProgress(step, parameters["steps"], b"preview" if step == 1 else b""))
        async with asyncio.timeout(10):
            await self._barrier.wait()
        self._running -= 1
        outputs = parameters.get("outputs", ["PICTURE"])
        cells = [self._drawn(parameters, index) for index in range(parameters.get("count", 1))]
        pictures = tuple(self._keep(_png(_decoded(part))) for part in cells) if "PICTURE" in outputs else ()
        latents = tuple(self._keep(_latent(part, parameters["model"])) for part in cells) if "LATENT" in outputs else ()
        answer = self._answers[key] = ImageAnswer(f"job-{len(self.calls)}", pictures, latents)
        return answer

    async def generate_clip(self, call: ClipCall, on_progress: OnMeshProgress) -> ClipAnswer:
        self.clips.append(_checked(call.parameters, VideoParameters()))
        on_progress(MeshProgress(1, 1))
        return ClipAnswer(f"clip-{len(self.clips)}", (self._keep(self.clip),))

    async def read_asset(self, asset_id: str) -> bytes:
        try:
            return self.assets[asset_id]
        except KeyError:
            raise MeshError("ASSET_NOT_FOUND", f"no asset {asset_id}") from None

    async def store_asset(self, data: bytes, content_type: str, filename: str) -> str:
        assert content_type in ("image/png", "application/vnd.safetensors")
        assert filename
        self.stored += 1
        return self._keep(data)

    async def models(self) -> Sequence[ModelInfo]:
        return (ModelInfo("shapes", "image"), ModelInfo("other", "image"), ModelInfo("film", "video"))

    def _keep(self, data: bytes) -> str:
        asset_id = hashlib.sha256(data).hexdigest()[:24]
        self.assets[asset_id] = data
        return asset_id

    def _drawn(self, parameters: Mapping[str, Any], index: int) -> NDArray[np.float32]:
        width, height = parameters["width_px"] // CELL_PX, parameters["height_px"] // CELL_PX
        begun = self._begun(parameters)
        if begun is not None and begun.shape[1:] != (height, width):
            raise MeshError("INVALID_LATENT", "the latent is of another size")
        if parameters.get("start_step", 0) == parameters.get("end_step", parameters["steps"]):
            assert begun is not None
            return begun
        seed = (int(parameters.get("wide_seed", parameters.get("seed", 0))) + index) % 2**64
        drawn = np.ones((4, height, width), np.float32)
        drawn[:3] = np.array(COLOURS.get(parameters["prompt"], (0, 0, 0)), np.float32)[:, None, None]
        drawn[:3] *= 1 - (seed % 8) / 16
        if begun is None:
            return drawn
        denoise = parameters.get("denoise", 1.0)
        mixed = begun * (1 - denoise) + drawn * denoise
        if mask_id := parameters.get("mask_asset_id"):
            picture = Image.open(BytesIO(self.assets[mask_id])).convert("L").resize((width, height))
            return np.where(np.asarray(picture) > 127, mixed, begun).astype(np.float32)
        result: NDArray[np.float32] = mixed.astype(np.float32)
        return result

    def _begun(self, parameters: Mapping[str, Any]) -> NDArray[np.float32] | None:
        if asset_id := parameters.get("init_latent_asset_id"):
            samples, header = read_latent(self.assets[asset_id])
            if header.family != parameters["model"]:
                raise MeshError("INVALID_LATENT", "the latent is of another family")
            first: NDArray[np.float32] = samples[0]
            return first
        if asset_id := parameters.get("init_image_asset_id"):
            picture = np.asarray(Image.open(BytesIO(self.assets[asset_id])).convert("RGB"), np.float32) / 255
            height, width = (side // CELL_PX for side in picture.shape[:2])
            cells = picture.reshape(height, CELL_PX, width, CELL_PX, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
            return np.concatenate([cells, np.ones((1, height, width))]).astype(np.float32)
        return None


def _checked(values: Mapping[str, Any], message: Any) -> dict[str, Any]:
    parsed = ParseDict(dict(values), message)
    protovalidate.validate(parsed)
    return MessageToDict(parsed, preserving_proto_field_name=True)


def _decoded(cells: NDArray[np.float32]) -> NDArray[np.uint8]:
    pixels = cells[:3].repeat(CELL_PX, axis=1).repeat(CELL_PX, axis=2).transpose(1, 2, 0)
    return (pixels * 255).round().clip(0, 255).astype(np.uint8)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _latent(cells: NDArray[np.float32], model: str) -> bytes:
    latent = Latent(cells[None], LatentFormat(model, 4, CELL_PX, 1.0))
    return encode_latent(latent, cells.shape[2] * CELL_PX, cells.shape[1] * CELL_PX)
