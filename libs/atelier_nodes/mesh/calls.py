"""The port to the mesh: what nodes ask, as the owner of the execution that they run in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ImageCall:
    """Pictures or latents to be made by a job of the image service.

    The implementation makes the idempotency key of it, from the execution's id, `node_id` and a hash of `parameters`:
    the same node with the same parameters returns the same job, also when the graph is run again after a crash.

    Attributes:
        node_id: The node that asks.
        parameters: `atelier.image.v1.GenerationParameters` in its JSON form.
    """

    node_id: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ClipCall:
    """A clip to be made by a job of the video service; keyed as an `ImageCall` is.

    Attributes:
        node_id: The node that asks.
        parameters: `atelier.video.v1.GenerationParameters` in its JSON form.
    """

    node_id: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    """What an image job made.

    Attributes:
        job_id: The job.
        pictures: Asset ids, one a picture, in order; empty when none were asked for.
        latents: Asset ids, one a latent, in order; empty when none were asked for.
        cached: The content cache had them.
    """

    job_id: str
    pictures: tuple[str, ...] = ()
    latents: tuple[str, ...] = ()
    cached: bool = False


@dataclass(frozen=True, slots=True)
class ClipAnswer:
    """What a video job made.

    Attributes:
        job_id: The job.
        clips: Asset ids of its clips.
        cached: The content cache had them.
    """

    job_id: str
    clips: tuple[str, ...] = ()
    cached: bool = False


@dataclass(frozen=True, slots=True)
class MeshProgress:
    """How far a call's job is.

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
        name: For a person.
        defaults: Its default parameters (steps, width_px …) in JSON form.
    """

    id: str
    kind: str
    name: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)


OnMeshProgress = Callable[[MeshProgress], None]


class MeshCalls(Protocol):
    """Calls to the mesh. All are made as the execution's owner, whose rights and limits hold.

    Each raises MeshError when the mesh refuses, fails or is unavailable. A call that is cancelled cancels its job.
    """

    async def generate_image(self, call: ImageCall, on_progress: OnMeshProgress) -> ImageAnswer:
        """Submits an image job and waits until it has ended.

        Args:
            call: What to make.
            on_progress: Receives progress, in the event loop of the caller; may be called never, or with gaps.

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
        """Returns the models that the mesh offers now, the default of each kind first."""
        ...
