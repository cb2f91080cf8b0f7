"""Mesh latents: a LATENT whose tensor stays on the mesh until a node reads it."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_nodes.builtin.node_mesh import NodeMesh
from atelier_nodes.packs.synchronous_nodes import wait_for

SAMPLES = "samples"


@dataclass(frozen=True, slots=True)
class DrawnLatent:
    """The latent of one picture that a job has made.

    Attributes:
        model: The model that drew it.
        width_px: Width of the picture.
        height_px: Height of the picture.
        latent: Asset id of the latent.
        picture: Asset id of the picture, decoded by the same model; empty if the job made none.
    """

    model: str
    width_px: int
    height_px: int
    latent: str
    picture: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPicture:
    """The latent of a picture that is still to be encoded: the job that needs it does so.

    Attributes:
        model: The model whose autoencoder encodes it.
        pixels: (height, width, 3), uint8; the sides are multiples of 8.
    """

    model: str
    pixels: NDArray[np.uint8]

    @property
    def width_px(self) -> int:
        """Width of the picture."""
        return int(self.pixels.shape[1])

    @property
    def height_px(self) -> int:
        """Height of the picture."""
        return int(self.pixels.shape[0])


LatentSource: TypeAlias = DrawnLatent | EncodedPicture


@dataclass(slots=True)
class _Origin:
    """Where a latent and its copies come from.

    Attributes:
        sources: One for each element.
        format: Their format, once it is known.
        samples: The tensor, once it is fetched.
        version: The changes that torch had counted of it then.
    """

    sources: tuple[LatentSource, ...]
    format: LatentFormat | None = None
    samples: Tensor | None = None
    version: int = 0

    @property
    def changed(self) -> bool:
        """Whether the tensor has been changed in place."""
        return self.samples is not None and self.samples._version != self.version

    async def fetch(self, mesh: NodeMesh) -> Tensor:
        """Returns the tensor, fetched through `mesh` unless it is here already."""
        if self.samples is None:
            found = await mesh.gather([partial(_fetched, source, mesh) for source in self.sources])
            self.format = found[0][1]
            with torch.inference_mode(False):  # tensors of inference mode do not count their changes
                samples = torch.from_numpy(np.concatenate([part for part, _ in found]))
            self.samples, self.version = samples, samples._version
        return self.samples


class MeshLatent(dict[str, Any]):
    """A LATENT with one source for each element of its batch.

    It behaves as the dict that packs expect: reading `samples` fetches the tensor, once for all copies, also through
    `dict(…)`. Assigning `samples`, or changing the tensor in place, makes it an ordinary latent without sources.
    """

    def __init__(self, sources: Sequence[LatentSource], others: Mapping[str, Any] | None = None) -> None:
        """Creates a latent that is not fetched.

        Args:
            sources: One for each element, all of one size.
            others: Other entries, such as `noise_mask`.
        """
        super().__init__({SAMPLES: None, **(others or {})})
        self._origin = _Origin(tuple(sources))
        self._is_assigned = False

    @classmethod
    def of_tensor(cls, samples: Tensor, latent_format: LatentFormat) -> Self:
        """A latent of this process whose format is known."""
        latent = cls(())
        latent._origin.format = latent_format
        latent[SAMPLES] = samples
        return latent

    @property
    def sources(self) -> tuple[LatentSource, ...]:
        """Where the elements of the batch come from; empty if the tensor is one of this process."""
        return () if self._is_assigned or self._origin.changed else self._origin.sources

    @property
    def format(self) -> LatentFormat | None:
        """The format of the latents, or of those that they were made of; None as long as it is unknown."""
        return self._origin.format

    async def load(self, mesh: NodeMesh) -> Tensor:
        """Returns `samples`, fetched through `mesh` unless it is here already."""
        samples: Tensor | None = dict.get(self, SAMPLES)
        if samples is None:
            samples = await self._origin.fetch(mesh)
            super().__setitem__(SAMPLES, samples)
        return samples

    def copy(self) -> Self:
        copied = type(self)(())
        dict.clear(copied)
        dict.update(copied, {key: dict.__getitem__(self, key) for key in self})
        copied._origin, copied._is_assigned = self._origin, self._is_assigned
        return copied

    def __getitem__(self, key: str) -> Any:
        if key == SAMPLES:
            self._load_now()
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        if key in self:
            return self[key]
        return default

    def __setitem__(self, key: str, value: Any) -> None:
        if key == SAMPLES:
            self._is_assigned = True
        super().__setitem__(key, value)

    def update(self, *others: Any, **values: Any) -> None:
        for key, value in dict(*others, **values).items():
            self[key] = value

    def pop(self, key: str, *default: Any) -> Any:
        if key in self:
            value = self[key]
            del self[key]
            return value
        return super().pop(key, *default)

    # Defined so that dict(…) and {**…} go through keys and items, and not past them.
    def __iter__(self) -> Iterator[str]:
        return super().__iter__()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        self._load_now()
        return super().items()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        self._load_now()
        return super().values()

    def __repr__(self) -> str:
        others = sorted(key for key in self if key != SAMPLES)
        return f"MeshLatent({len(self.sources)} on the mesh, {', '.join(others) or 'no other entries'})"

    def _load_now(self) -> None:
        if SAMPLES in self and dict.get(self, SAMPLES) is None:
            mesh = NodeMesh.current()
            wait_for(lambda: self.load(mesh))


async def _fetched(source: LatentSource, mesh: NodeMesh) -> tuple[NDArray[np.float32], LatentFormat]:
    if isinstance(source, DrawnLatent):
        return await mesh.read_latent(source.latent)
    picture = await mesh.store_picture(source.pixels)
    answer = await mesh.draw(
        {
            **unchanged_parameters(source.model, source.width_px, source.height_px),
            "init_image_asset_id": picture,
            "outputs": ["LATENT"],
        }
    )
    return await mesh.read_latent(answer.latents[0])


def unchanged_parameters(model: str, width_px: int, height_px: int) -> dict[str, Any]:
    """Parameters of a job that encodes or decodes and does no step of denoising."""
    return {
        "model": model,
        "prompt": " ",
        "width_px": width_px,
        "height_px": height_px,
        "steps": 1,
        "start_step": 0,
        "end_step": 0,
        "seed": 0,
        "count": 1,
        "output_format": "PNG",
    }
