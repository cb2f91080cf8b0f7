"""The mesh of one call of a node: reads and stores pictures and latents, and runs jobs with their progress."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from io import BytesIO
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from atelier_diffusion.encoding.latent_file import encode_latent, read_latent
from atelier_diffusion.encoding.latent_header import CONTENT_TYPE, SUFFIX, LatentFileError
from atelier_diffusion.engine.results import Latent
from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_graph.context import CurrentNode, current_node
from atelier_nodes.builtin.picture_reader import read_image
from atelier_nodes.builtin.progress_sum import ProgressSum
from atelier_nodes.mesh import ClipCall, ImageAnswer, ImageCall, MeshCalls, MeshError, current_mesh

Result = TypeVar("Result")

# A batch may be of thousands; so many calls of it wait at the same time.
MAX_CALLS = 8


class NodeMesh:
    """Calls of one node to the mesh."""

    def __init__(self, mesh: MeshCalls, node: CurrentNode | None) -> None:
        """Creates the view of a node.

        Args:
            mesh: The mesh of its execution.
            node: The call of the node; None outside of any, which has no progress.
        """
        self._mesh = mesh
        self._node = node

    @classmethod
    def current(cls) -> NodeMesh:
        """The mesh of the execution and the node that this code is a part of."""
        return cls(current_mesh(), current_node())

    @property
    def node_id(self) -> str:
        """The node; empty outside of any."""
        return self._node.node_id if self._node else ""

    async def draw(self, parameters: Mapping[str, Any], progress: ProgressSum | None = None) -> ImageAnswer:
        """Runs a job of the image service and waits for its end.

        Args:
            parameters: `atelier.image.v1.GenerationParameters` as JSON values.
            progress: Where its steps are counted; nowhere if omitted.

        Raises:
            MeshError: The job was refused, failed or was cancelled, or made less than was asked for.
        """
        part = (progress or ProgressSum(None)).part()
        answer = await self._mesh.generate_image(ImageCall(self.node_id, parameters), part)
        count = parameters.get("count", 1)
        for name, made in (("PICTURE", answer.pictures), ("LATENT", answer.latents)):
            if name in parameters.get("outputs", ["PICTURE"]) and len(made) != count:
                raise MeshError("INCOMPLETE", f"the image job {answer.job_id} made {len(made)} of {count} files")
        return answer

    async def draw_clip(self, parameters: Mapping[str, Any], progress: ProgressSum) -> bytes:
        """Runs a job of the video service to its end and returns the clip.

        Raises:
            MeshError: The job was refused, failed or was cancelled.
        """
        answer = await self._mesh.generate_clip(ClipCall(self.node_id, parameters), progress.part())
        if not answer.clips:
            raise MeshError("INCOMPLETE", f"the video job {answer.job_id} made no clip")
        return await self._mesh.read_asset(answer.clips[0])

    def progress(self) -> ProgressSum:
        """Progress of this node, summed over its jobs."""
        return ProgressSum(self._node.report if self._node else None)

    async def read_picture(self, asset_id: str) -> Tensor:
        """Reads a stored picture.

        Returns:
            (height, width, 3), float32, 0…1.
        """
        data = await self._mesh.read_asset(asset_id)
        image, _ = await asyncio.to_thread(read_image, data)
        return image[0]

    async def store_picture(self, pixels: NDArray[np.uint8]) -> str:
        """Stores a picture, (height, width, 3) or (height, width), as PNG and returns its asset id."""
        data = await asyncio.to_thread(_png, pixels)
        return await self._mesh.store_asset(data, "image/png", f"{_digest(data)}.png")

    async def read_latent(self, asset_id: str) -> tuple[NDArray[np.float32], LatentFormat]:
        """Reads a stored latent.

        Returns:
            (1, channels, height, width), and its format.

        Raises:
            MeshError: The asset is no latent.
        """
        data = await self._mesh.read_asset(asset_id)
        try:
            samples, header = read_latent(data)
        except LatentFileError as error:
            raise MeshError("INVALID_LATENT", f"the asset is no latent: {error}") from error
        _, channels, _, width = header.shape
        return samples, LatentFormat(header.family, channels, header.width_px // width, header.scale)

    async def store_latent(self, samples: NDArray[np.float32], latent_format: LatentFormat) -> str:
        """Stores the latent of one picture, (1, channels, height, width), and returns its asset id."""
        height, width = samples.shape[2:]
        cell_px = latent_format.cell_px
        data = encode_latent(Latent(samples, latent_format), width * cell_px, height * cell_px)
        return await self._mesh.store_asset(data, CONTENT_TYPE, f"{_digest(data)}.{SUFFIX}")

    async def gather(self, calls: Sequence[Callable[[], Awaitable[Result]]]) -> list[Result]:
        """Makes calls concurrently, at most `MAX_CALLS` at once; the first failure cancels the others."""
        places = asyncio.Semaphore(MAX_CALLS)

        async def placed(call: Callable[[], Awaitable[Result]]) -> Result:
            async with places:
                return await call()

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(placed(call)) for call in calls]
        except BaseExceptionGroup as failures:
            # A node fails with one error.
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
