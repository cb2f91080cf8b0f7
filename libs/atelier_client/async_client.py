"""The client for asyncio programs. `client.py` is its blocking form."""

import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Self, Unpack

from atelier.auth.v1 import auth_pb2
from atelier.auth.v1.auth_pb2 import CreateTokenRequest, CreateTokenResponse
from atelier.events.v1 import events_pb2
from atelier.events.v1.events_pb2 import (
    Event,
    GetSystemStatusRequest,
    GetSystemStatusResponse,
    SubscribeRequest,
)
from atelier.image.v1.image_pb2 import GenerateImageRequest
from atelier.models.v1 import model_service_pb2
from atelier.models.v1.model_service_pb2 import (
    GetModelRequest,
    ListModelsRequest,
    ListModelsResponse,
    LoadModelRequest,
    Model,
    UnloadModelRequest,
)
from atelier.storage.v1.storage_pb2 import Asset
from atelier.video.v1 import video_pb2
from atelier.video.v1.video_pb2 import (
    GenerateVideoRequest,
    GetVideoModelRequest,
    ListVideoModelsRequest,
    ListVideoModelsResponse,
    LoadVideoModelRequest,
    UnloadVideoModelRequest,
    VideoModel,
)
from atelier_client.all_jobs import AsyncAllJobs
from atelier_client.assets import AsyncAssets
from atelier_client.connection import Connection
from atelier_client.errors import UnreachableKindsError
from atelier_client.executions import AsyncExecutions
from atelier_client.image import AsyncImage
from atelier_client.images import AsyncImages
from atelier_client.keys import AsyncKeys
from atelier_client.paging import pages
from atelier_client.parameters import Parameters, VideoParameters, to_message, to_video_message
from atelier_client.priorities import priority_named
from atelier_client.rest_transport import RestTransport
from atelier_client.retry import RetryPolicy
from atelier_client.rpc import rpc
from atelier_client.scopes import scopes_of
from atelier_client.settings import ClientSettings
from atelier_client.transport import Transport
from atelier_client.video import AsyncVideo
from atelier_client.videos import AsyncVideos
from atelier_client.workflows import AsyncWorkflows

_MODELS = model_service_pb2.DESCRIPTOR
_LIST_MODELS = rpc(_MODELS, "ModelService.ListModels", ListModelsRequest, ListModelsResponse)
_GET_MODEL = rpc(_MODELS, "ModelService.GetModel", GetModelRequest, Model)
_LOAD_MODEL = rpc(_MODELS, "ModelService.LoadModel", LoadModelRequest, Model)
_UNLOAD_MODEL = rpc(_MODELS, "ModelService.UnloadModel", UnloadModelRequest, Model)
_VIDEO = video_pb2.DESCRIPTOR
_LIST_VIDEO_MODELS = rpc(_VIDEO, "VideoModelService.ListVideoModels", ListVideoModelsRequest, ListVideoModelsResponse)
_GET_VIDEO_MODEL = rpc(_VIDEO, "VideoModelService.GetVideoModel", GetVideoModelRequest, VideoModel)
_LOAD_VIDEO_MODEL = rpc(_VIDEO, "VideoModelService.LoadVideoModel", LoadVideoModelRequest, VideoModel)
_UNLOAD_VIDEO_MODEL = rpc(_VIDEO, "VideoModelService.UnloadVideoModel", UnloadVideoModelRequest, VideoModel)
_TOKEN = rpc(auth_pb2.DESCRIPTOR, "AuthService.CreateToken", CreateTokenRequest, CreateTokenResponse)
_STATUS = rpc(events_pb2.DESCRIPTOR, "SystemService.GetSystemStatus", GetSystemStatusRequest, GetSystemStatusResponse)


class AsyncClient:
    """Pictures and clips from prompts.

        async with AsyncClient() as client:
            image = await client.generate("a red circle on a blue background", steps=20, seed=1)
            await image.save("out.png")

    Args:
        url: REST base of the gateway; by default `ATELIER_URL`.
        api_key: By default `ATELIER_API_KEY`.
        retry: Which calls are repeated, how often and after which delays.

    Raises:
        AtelierApiError: By every method; so are its subclasses CannotReachError and JobFailedError.
        ValueError: By the constructor, when the API key contains characters that no header can carry.
    """

    def __init__(self, url: str | None = None, api_key: str | None = None, *, retry: RetryPolicy | None = None) -> None:
        settings = ClientSettings.read()
        key = settings.api_key if api_key is None else api_key
        self._start(RestTransport(url or settings.url, _header_safe(key)), retry)

    @classmethod
    def over_grpc(
        cls,
        address: str | None = None,
        api_key: str | None = None,
        *,
        tls: bool = False,
        retry: RetryPolicy | None = None,
    ) -> Self:
        """Returns a client over gRPC at `address` (`host:port`; by default `ATELIER_GRPC`), with TLS if `tls`."""
        from atelier_client.grpc_transport import GrpcTransport  # grpc is imported only when it is used

        settings = ClientSettings.read()
        key = settings.api_key if api_key is None else api_key
        return cls.over(GrpcTransport(address or settings.grpc, _header_safe(key), tls=tls), retry=retry)

    @classmethod
    def over(cls, transport: Transport, *, retry: RetryPolicy | None = None) -> Self:
        """Returns a client over `transport`, which the client closes when it is closed."""
        client = cls.__new__(cls)
        client._start(transport, retry)
        return client

    def _start(self, transport: Transport, retry: RetryPolicy | None) -> None:
        self._connection = Connection(transport, retry or RetryPolicy())
        self.images = AsyncImages(self._connection)
        self.videos = AsyncVideos(self._connection)
        self.executions = AsyncExecutions(self._connection)
        self.workflows = AsyncWorkflows(self._connection)
        self.jobs = AsyncAllJobs(self._connection)
        self.keys = AsyncKeys(self._connection)
        self.assets = AsyncAssets(self._connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._connection.close()

    async def generate(
        self,
        prompt: str,
        *,
        wait: bool | float = True,
        idempotency_key: str | None = None,
        priority: str | None = None,
        parent_id: str = "",
        **parameters: Unpack[Parameters],
    ) -> AsyncImage:
        """Submits an image of one or several pictures, and waits for it.

        Args:
            prompt: What to draw.
            wait: True waits for the end; a number waits at most so many seconds; False does not wait: the image is
                then QUEUED and durably recorded.
            idempotency_key: A repeat with the same key returns the same image. By default each call has a key of its
                own, so that retries by this client are safe.
            priority: `LOW`, `NORMAL` or `HIGH` (for administrators).
            parent_id: The id of another job of the caller, of which this one is a part.
            **parameters: The fields of `Parameters`.

        Returns:
            The image, as it is when the wait ends.

        Raises:
            TypeError: A parameter does not exist.
            AtelierApiError: INVALID_ARGUMENT, with `fields`: the mesh refused values.
            JobFailedError: The image ended without pictures while it was waited for.
        """
        request = GenerateImageRequest(
            priority=priority_named(priority), parent_id=parent_id, parameters=to_message(prompt, parameters)
        )
        return await self.images.submit(request, wait=wait, idempotency_key=idempotency_key)

    async def generate_video(
        self,
        prompt: str,
        *,
        wait: bool | float = True,
        idempotency_key: str | None = None,
        priority: str | None = None,
        parent_id: str = "",
        **parameters: Unpack[VideoParameters],
    ) -> AsyncVideo:
        """Submits a video, and waits for it. Arguments and errors are those of `generate`.

        Raises:
            AtelierApiError: NOT_FOUND: the first frame is not an asset of the caller.
        """
        request = GenerateVideoRequest(
            priority=priority_named(priority), parent_id=parent_id, parameters=to_video_message(prompt, parameters)
        )
        return await self.videos.submit(request, wait=wait, idempotency_key=idempotency_key)

    def watch(self, image_id: str, *, after_seq: int | None = None) -> AsyncIterator[Event]:
        """Yields the events of one image until it ends. A stream that breaks is resumed.

        Args:
            image_id: The image.
            after_seq: Begin with the durable events after this number; None: begin with a snapshot.
        """
        return self.images.watch(image_id, after_seq=after_seq)

    def events(
        self, *, after: str = "", types: Iterable[str] = (), job_id: str = "", heartbeats: bool = False
    ) -> AsyncIterator[Event]:
        """Yields all events of the caller, without end. A stream that breaks is resumed.

        Args:
            after: The `cursor` after which the events begin; empty: now.
            types: Only these of `generation.progress`, `model.status`, `error.notification`, `system.status`.
            job_id: Only events of this job.
            heartbeats: Also yield heartbeats; no event after the first heartbeat is missed.
        """
        request = SubscribeRequest(after=after, types=list(types), job_id=job_id)
        return self._connection.events(request, heartbeats=heartbeats)

    async def content(self, image_id: str, index: int = 0) -> bytes:
        """Returns the bytes of one picture of a finished image; `index` is from 0."""
        return await (await self.images.get(image_id)).content(index)

    async def cancel(self, image_id: str) -> AsyncImage:
        """Cancels an image; it stops within one denoising step. A finished image is returned unchanged."""
        return await self.images.cancel(image_id)

    async def models(self, *, kind: str = "") -> AsyncIterator[Model]:
        """Yields the models, the default model of each kind first.

        Args:
            kind: Only models for this kind of jobs: `image`, `video`; empty for all.

        Raises:
            UnreachableKindsError: After the last model: the models of some kinds are missing, since their service is
                unavailable.
        """
        unreachable: set[str] = set()

        async def fetch(token: str) -> ListModelsResponse:
            page = await self._connection.call(_LIST_MODELS, ListModelsRequest(page_token=token, kind=kind))
            unreachable.update(page.unreachable)
            return page

        async for model in pages(fetch, lambda page: page.models):
            yield model
        if unreachable:
            raise UnreachableKindsError(unreachable)

    async def model(self, model_id: str) -> Model:
        """Returns one model of any kind."""
        return await self._connection.call(_GET_MODEL, GetModelRequest(id=model_id))

    async def load_model(self, model_id: str) -> Model:
        """Requests that workers load a model (administrators only). `events` yields an event when it is READY."""
        return await self._connection.call(_LOAD_MODEL, LoadModelRequest(id=model_id))

    async def unload_model(self, model_id: str) -> Model:
        """Requests that workers unload a model (administrators only)."""
        return await self._connection.call(_UNLOAD_MODEL, UnloadModelRequest(id=model_id))

    def video_models(self) -> AsyncIterator[VideoModel]:
        """Yields the video models, the default one first."""
        return pages(
            lambda token: self._connection.call(_LIST_VIDEO_MODELS, ListVideoModelsRequest(page_token=token)),
            lambda page: page.models,
        )

    async def video_model(self, model_id: str) -> VideoModel:
        """Returns one video model."""
        return await self._connection.call(_GET_VIDEO_MODEL, GetVideoModelRequest(id=model_id))

    async def load_video_model(self, model_id: str) -> VideoModel:
        """Requests that workers load a video model, as `load_model` does."""
        return await self._connection.call(_LOAD_VIDEO_MODEL, LoadVideoModelRequest(id=model_id))

    async def unload_video_model(self, model_id: str) -> VideoModel:
        """Requests that workers unload a video model, as `unload_model` does."""
        return await self._connection.call(_UNLOAD_VIDEO_MODEL, UnloadVideoModelRequest(id=model_id))

    async def upload(self, path: str | os.PathLike[str], *, filename: str | None = None) -> Asset:
        """Uploads a picture, video or latent file. Raises OSError when `path` cannot be read."""
        return await self.assets.upload(Path(path), filename)

    async def token(self, *, scopes: Iterable[str] = ()) -> CreateTokenResponse:
        """Returns a short-lived JWT for `Authorization: Bearer`, for web pages and programs that must not have the key.

        Args:
            scopes: Some of `read`, `submit`, `keys` and `admin`; empty: `read` and `submit`.
        """
        return await self._connection.call(_TOKEN, CreateTokenRequest(scopes=scopes_of(scopes)))

    async def status(self) -> GetSystemStatusResponse:
        """Returns the state of workers, queues, devices, memory and disk."""
        return await self._connection.call(_STATUS, GetSystemStatusRequest())


def _header_safe(api_key: str) -> str:
    """Returns `api_key`; raises ValueError, whose text does not contain it, when no header can carry it."""
    if not all("!" <= character <= "~" for character in api_key):
        raise ValueError("the API key holds blanks or characters that no key has")
    return api_key
