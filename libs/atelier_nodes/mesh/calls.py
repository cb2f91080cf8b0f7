"""Mesh calls: the port through which nodes use the mesh, as the owner of their execution."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ImageCall:
    """A request for pictures or latents, which a job of the image service makes.

    The implementation derives the idempotency key from the execution's id, `node_id` and a hash of `parameters`: the
    same node with the same parameters receives the same job, also when the graph runs again after a crash.

    Attributes:
        node_id: The node that makes the call.
        parameters: `atelier.image.v1.GenerationParameters` in its JSON form.
    """

    node_id: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ClipCall:
    """A request for a clip, which a job of the video service makes; its idempotency key is made as for `ImageCall`.

    Attributes:
        node_id: The node that makes the call.
        parameters: `atelier.video.v1.VideoParameters` in its JSON form.
    """

    node_id: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    """The result of an image job.

    Attributes:
        job_id: The job.
        pictures: Asset ids of the pictures, in order; empty when none were requested.
        latents: Asset ids of the latents, in order; empty when none were requested.
        cached: True if they were in the content cache.
    """

    job_id: str
    pictures: tuple[str, ...] = ()
    latents: tuple[str, ...] = ()
    cached: bool = False


@dataclass(frozen=True, slots=True)
class ClipAnswer:
    """The result of a video job.

    Attributes:
        job_id: The job.
        clips: Asset ids of its clips.
        cached: True if they were in the content cache.
    """

    job_id: str
    clips: tuple[str, ...] = ()
    cached: bool = False


@dataclass(frozen=True, slots=True)
class MeshProgress:
    """Progress of a call's job.

    Attributes:
        step: Steps done; never decreases within an attempt of the job.
        steps: Steps in all.
        preview: A small JPEG, or empty.
    """

    step: int
    steps: int
    preview: bytes = b""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that the mesh offers.

    Attributes:
        id: The id under which parameters name it.
        kind: `image` or `video`.
        name: Its name for display.
        defaults: Its default parameters (steps, width_px …) in JSON form.
    """

    id: str
    kind: str
    name: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)


OnMeshProgress = Callable[[MeshProgress], None]


class MeshCalls(Protocol):
    """Calls to the mesh, made as the execution's owner, with the owner's rights and limits.

    Each raises MeshError when the mesh refuses, fails or is unavailable.
    """

    async def generate_image(self, call: ImageCall, on_progress: OnMeshProgress) -> ImageAnswer:
        """Submits an image job and waits until it has ended.

        Args:
            call: What to make.
            on_progress: Receives progress, in the event loop of the caller; may never be called, or with gaps.

        Raises:
            MeshError: The job was refused, failed or was cancelled.
        """
        ...

    async def generate_clip(self, call: ClipCall, on_progress: OnMeshProgress) -> ClipAnswer:
        """Submits a video job and waits until it has ended; see `generate_image`."""
        ...

    async def read_asset(self, asset_id: str) -> bytes:
        """Returns the content of an asset of the owner. Raises MeshError with ASSET_NOT_FOUND for any other."""
        ...

    async def store_asset(self, data: bytes, content_type: str, filename: str) -> str:
        """Stores an asset of the owner and returns its id."""
        ...

    async def models(self) -> Sequence[ModelInfo]:
        """Returns the models that the mesh offers, the default of each kind first."""
        ...
