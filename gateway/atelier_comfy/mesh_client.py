"""Mesh client: makes the calls of nodes as jobs of a mesh, through the client library."""

import asyncio
import hashlib
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message

from atelier.image.v1.image_pb2 import LATENT, GenerateImageRequest
from atelier.video.v1.video_pb2 import CLIP, GenerateVideoRequest
from atelier_client.async_client import AsyncClient
from atelier_client.errors import AtelierApiError, UnreachableKindsError
from atelier_client.job import AsyncJob
from atelier_client.jobs import AsyncJobs
from atelier_nodes.mesh import (
    ClipAnswer,
    ClipCall,
    ImageAnswer,
    ImageCall,
    MeshCalls,
    MeshError,
    MeshProgress,
    ModelInfo,
)
from atelier_nodes.mesh.calls import OnMeshProgress
from atelier_service.tasks import uninterrupted

J = TypeVar("J", bound=AsyncJob[Any])
R = TypeVar("R", bound=Message)


class ClientMesh:
    """A mesh that is reached through a client."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def for_prompt(self, prompt_id: str) -> MeshCalls:
        """Returns the calls of one prompt; a repeated run receives the same jobs."""
        return _PromptCalls(self._client, prompt_id)

    async def models(self) -> Sequence[ModelInfo]:
        """Returns the models. Raises MeshError when the mesh is unavailable."""
        with _mesh_errors():
            return [model async for model in self._models()]

    async def _models(self) -> AsyncIterator[ModelInfo]:
        try:
            async for model in self._client.models():
                defaults = MessageToDict(model.defaults, preserving_proto_field_name=True)
                yield ModelInfo(model.id, model.kind, model.display_name, defaults)
        except UnreachableKindsError:
            return  # the models of the other kinds were yielded


class _PromptCalls:
    """Implements `MeshCalls` for one prompt."""

    def __init__(self, client: AsyncClient, prompt_id: str) -> None:
        self._client = client
        self._prompt_id = prompt_id
        self._mesh = ClientMesh(client)

    async def generate_image(self, call: ImageCall, on_progress: OnMeshProgress) -> ImageAnswer:
        request = _parsed(GenerateImageRequest(), call.parameters)
        async with self._job(self._client.images, request, call) as job:
            image = await _watched(job, on_progress)
        outputs = sorted(image.outputs, key=lambda output: output.index)
        return ImageAnswer(
            image.id,
            tuple(output.asset_id for output in outputs if output.kind != LATENT),
            tuple(output.asset_id for output in outputs if output.kind == LATENT),
            image.cached,
        )

    async def generate_clip(self, call: ClipCall, on_progress: OnMeshProgress) -> ClipAnswer:
        request = _parsed(GenerateVideoRequest(), call.parameters)
        async with self._job(self._client.videos, request, call) as job:
            video = await _watched(job, on_progress)
        clips = tuple(output.asset_id for output in video.outputs if output.role == CLIP)
        return ClipAnswer(video.id, clips, video.cached)

    async def read_asset(self, asset_id: str) -> bytes:
        with _mesh_errors():
            return await self._client.assets.content(asset_id)

    async def store_asset(self, data: bytes, content_type: str, filename: str) -> str:
        del content_type  # storage detects it from the content
        with _mesh_errors(), tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "asset"
            await asyncio.to_thread(path.write_bytes, data)
            return (await self._client.assets.upload(path, filename)).id

    async def models(self) -> Sequence[ModelInfo]:
        return await self._mesh.models()

    @asynccontextmanager
    async def _job(self, jobs: AsyncJobs[J], request: Message, call: ImageCall | ClipCall) -> AsyncIterator[J]:
        """Submits a job, and cancels it when the block is cancelled."""
        with _mesh_errors():
            job = await jobs.submit(request, wait=False, idempotency_key=self._key(call))
            try:
                yield job
            except asyncio.CancelledError:
                await uninterrupted(job.cancel())
                raise

    def _key(self, call: ImageCall | ClipCall) -> str:
        parameters = json.dumps(call.parameters, sort_keys=True)
        return hashlib.sha256(f"{self._prompt_id}\n{call.node_id}\n{parameters}".encode()).hexdigest()


async def _watched(job: J, on_progress: OnMeshProgress) -> J:
    """Reports the job's progress until it has ended. Raises JobFailedError if it failed or was cancelled."""
    while not job.finished:
        async for event in job.watch():
            state = event.snapshot if event.HasField("snapshot") else event.generation_progress
            on_progress(MeshProgress(state.progress.done, state.progress.total, state.preview))
        job = await job.refresh()
    job.raise_for_state()
    return job


def _parsed(request: R, parameters: Mapping[str, Any]) -> R:
    try:
        return ParseDict({"parameters": dict(parameters)}, request)
    except ParseError as error:
        raise MeshError("INVALID_ARGUMENT", f"the mesh does not know these parameters: {error}") from error


@contextmanager
def _mesh_errors() -> Iterator[None]:
    """Converts errors of the client to MeshError."""
    try:
        yield
    except AtelierApiError as error:
        raise MeshError(error.reason or error.code, error.message) from error
