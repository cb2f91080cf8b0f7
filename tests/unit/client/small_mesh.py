"""The services of the contract in one process and in memory, over real gRPC, for one caller with one key."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from tests.unit.client.refusal import Context, refuse
from tests.unit.client.small_jobs import Jobs, Models
from tests.unit.client.small_videos import VideoModels, Videos

from atelier.auth.v1 import auth_pb2, auth_pb2_grpc
from atelier.events.v1 import events_pb2, events_pb2_grpc
from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier.jobs.v1 import job_pb2, job_service_pb2_grpc
from atelier.models.v1 import model_service_pb2_grpc
from atelier.storage.v1 import storage_pb2, storage_pb2_grpc
from atelier.video.v1 import video_pb2_grpc
from atelier_client.blocking import LoopThread

API_KEY = "atl_small_key"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def picture(image_id: str, index: int) -> bytes:
    """The bytes of a picture: more than one message holds."""
    return f"{image_id}/{index};".encode() * 20_000


def latent_of(image_id: str, index: int) -> bytes:
    """The bytes of a latent."""
    return f"latent {image_id}/{index}".encode()


class Images(image_pb2_grpc.ImageServiceServicer):
    """Images whose state a test changes: `hold` keeps them running until they are cancelled, `fail` and `fail_prompts`
    say which fail."""

    def __init__(self, files: "Files") -> None:
        self.files = files
        self.images: dict[str, image_pb2.Image] = {}
        self.by_key: dict[str, str] = {}
        self.metadata: list[dict[str, str]] = []
        self.requests: list[image_pb2.GenerateImageRequest] = []
        self.hold = False
        self.fail = False
        self.fail_prompts: set[str] = set()
        self.break_streams = 0
        self.watched_after: list[int | None] = []
        self._changed = asyncio.Event()

    async def GenerateImage(self, request: image_pb2.GenerateImageRequest, context: Context) -> image_pb2.Image:
        metadata = {str(k): str(v) for k, v in context.invocation_metadata() or ()}
        self.metadata.append(metadata)
        self.requests.append(request)
        if request.parameters.steps > 200:
            await refuse(
                context,
                grpc.StatusCode.INVALID_ARGUMENT,
                "INVALID_FIELD",
                "a field is wrong",
                steps="at most 200",
            )
        key = metadata.get("idempotency-key", "")
        if key in self.by_key:
            return self.images[self.by_key[key]]
        image = image_pb2.Image(
            id=f"image-{len(self.images)}",
            state=job_pb2.QUEUED,
            parameters=request.parameters,
            seq=1,
            trace_id=TRACE_ID,
        )
        image.create_time.GetCurrentTime()
        self.images[image.id] = image
        self.by_key[key] = image.id
        if "prefer" in metadata and not self.hold:
            self._end(image)
        return image

    def _end(self, image: image_pb2.Image) -> None:
        image.seq = 3
        if self.fail or image.parameters.prompt in self.fail_prompts:
            image.state = job_pb2.FAILED
            image.error.reason, image.error.message = "OUT_OF_MEMORY", "the model does not fit"
            return
        image.state = job_pb2.SUCCEEDED
        for index in range(max(1, image.parameters.count)):
            data = picture(image.id, index)
            image.outputs.add(
                index=index, content_type="image/png", size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
            )
        for index in range(max(1, image.parameters.count) if image_pb2.LATENT in image.parameters.outputs else 0):
            latent = self.files.keep(f"{image.id}-{index}.safetensors", latent_of(image.id, index))
            image.outputs.add(
                kind=image_pb2.LATENT, index=index, asset_id=latent.id, size_bytes=latent.size_bytes,
                sha256=latent.sha256,
            )  # fmt: skip

    async def _found(self, image_id: str, context: Context) -> image_pb2.Image:
        if image_id not in self.images:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "IMAGE_NOT_FOUND", "there is no such image")
        return self.images[image_id]

    async def ListImages(self, request: image_pb2.ListImagesRequest, context: Context) -> image_pb2.ListImagesResponse:
        found = [i for i in reversed(self.images.values()) if request.state in (0, i.state)]
        start = int(request.page_token or 0)
        end = start + min(request.page_size or 2, 2)
        return image_pb2.ListImagesResponse(
            images=found[start:end], next_page_token=str(end) if end < len(found) else ""
        )

    async def GetImage(self, request: image_pb2.GetImageRequest, context: Context) -> image_pb2.Image:
        return await self._found(request.id, context)

    async def UpdateImage(self, request: image_pb2.UpdateImageRequest, context: Context) -> image_pb2.Image:
        image = await self._found(request.id, context)
        image.parameters.CopyFrom(request.parameters)
        image.revision += 1
        return image

    async def DeleteImage(self, request: image_pb2.DeleteImageRequest, context: Context) -> Empty:
        await self._found(request.id, context)
        del self.images[request.id]
        return Empty()

    async def CancelImage(self, request: image_pb2.CancelImageRequest, context: Context) -> image_pb2.Image:
        image = await self._found(request.id, context)
        image.state, image.seq = job_pb2.CANCELED, 3
        self._changed.set()
        return image

    async def GetImageContent(
        self, request: image_pb2.GetImageContentRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        await self._found(request.id, context)
        data = picture(request.id, request.index)
        for start in range(0, len(data), 65_536):
            yield HttpBody(content_type="image/png", data=data[start : start + 65_536])

    async def WatchImage(
        self, request: image_pb2.WatchImageRequest, context: Context
    ) -> AsyncIterator[events_pb2.Event]:
        image = await self._found(request.id, context)
        after = request.after_seq if request.HasField("after_seq") else None
        self.watched_after.append(after)
        if after is None:
            yield _event(image, "snapshot", 1, job_pb2.QUEUED)
        yield events_pb2.Event(type="heartbeat", heartbeat=events_pb2.Heartbeat())
        if (after or 0) < 2:
            yield _event(image, "generation_progress", 2, job_pb2.RUNNING)
        if self.break_streams:
            self.break_streams -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "upstream reset")
        for step in (1, 2):
            yield _event(image, "generation_progress", 2, job_pb2.RUNNING, step)
        if self.hold:
            await self._changed.wait()
        if image.state not in (job_pb2.CANCELED, job_pb2.SUCCEEDED):
            self._end(image)
        yield _event(image, "generation_progress", 3, image.state, terminal=True)


def _event(
    image: image_pb2.Image, kind: str, seq: int, state: Any, step: int = 0, *, terminal: bool = False
) -> events_pb2.Event:
    progress = events_pb2.GenerationProgress(kind="image", state=state, terminal=terminal)
    if step:
        progress.progress.CopyFrom(job_pb2.Progress(stage="denoising", done=step, total=2, unit="step"))
        progress.progress.detail.Pack(image_pb2.ImageProgress(step=step, steps=2))
    event = events_pb2.Event(type=f"generation.{kind.removeprefix('generation_')}", job_id=image.id, seq=seq)
    getattr(event, kind).CopyFrom(progress)
    return event


class Keys(auth_pb2_grpc.AuthServiceServicer):
    """API keys; what the client never calls answers UNIMPLEMENTED."""

    def __init__(self) -> None:
        self.keys: dict[str, auth_pb2.ApiKey] = {}

    async def CreateToken(self, request: auth_pb2.CreateTokenRequest, context: Context) -> auth_pb2.CreateTokenResponse:
        return auth_pb2.CreateTokenResponse(access_token="a.b.c", token_type="Bearer", expires_in_s=300)

    async def ListApiKeys(self, request: auth_pb2.ListApiKeysRequest, context: Context) -> auth_pb2.ListApiKeysResponse:
        return auth_pb2.ListApiKeysResponse(keys=reversed(self.keys.values()))

    async def CreateApiKey(
        self, request: auth_pb2.CreateApiKeyRequest, context: Context
    ) -> auth_pb2.CreateApiKeyResponse:
        key = auth_pb2.ApiKey(id=f"key{len(self.keys)}", display_name=request.display_name)
        self.keys[key.id] = key
        return auth_pb2.CreateApiKeyResponse(key=key, api_key=f"atl_{key.id}_secret")

    async def DeleteApiKey(self, request: auth_pb2.DeleteApiKeyRequest, context: Context) -> Empty:
        if self.keys.pop(request.id, None) is None:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "KEY_NOT_FOUND", "there is no such key")
        return Empty()

    async def GetJwks(self, request: auth_pb2.GetJwksRequest, context: Context) -> auth_pb2.GetJwksResponse:
        return auth_pb2.GetJwksResponse()

    async def CreateServiceToken(
        self, request: auth_pb2.CreateServiceTokenRequest, context: Context
    ) -> auth_pb2.CreateServiceTokenResponse:
        raise NotImplementedError

    async def CreateDelegatedToken(
        self, request: auth_pb2.CreateDelegatedTokenRequest, context: Context
    ) -> auth_pb2.CreateDelegatedTokenResponse:
        raise NotImplementedError


class Files(storage_pb2_grpc.StorageServiceServicer):
    """Stored files."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[storage_pb2.Asset, bytes]] = {}

    async def CreateAsset(
        self, request_iterator: AsyncIterator[storage_pb2.CreateAssetRequest], context: Context
    ) -> storage_pb2.Asset:
        requests = [request async for request in request_iterator]
        return self.keep(requests[0].filename, b"".join(request.file.data for request in requests))

    def keep(self, filename: str, data: bytes) -> storage_pb2.Asset:
        """Stores a file, of the type that its name says."""
        asset = storage_pb2.Asset(
            id=f"asset-{len(self.files)}",
            filename=filename,
            content_type="application/vnd.safetensors" if filename.endswith(".safetensors") else "image/png",
            size_bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )
        self.files[asset.id] = asset, data
        return asset

    async def ListAssets(
        self, request: storage_pb2.ListAssetsRequest, context: Context
    ) -> storage_pb2.ListAssetsResponse:
        return storage_pb2.ListAssetsResponse(assets=[asset for asset, _ in self.files.values()])

    async def GetAsset(self, request: storage_pb2.GetAssetRequest, context: Context) -> storage_pb2.Asset:
        return self.files[request.id][0]

    async def GetAssetContent(
        self, request: storage_pb2.GetAssetContentRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        yield HttpBody(data=self.files[request.id][1])

    async def DeleteAsset(self, request: storage_pb2.DeleteAssetRequest, context: Context) -> Empty:
        del self.files[request.id]
        return Empty()

    async def DeleteJobAssets(
        self, request: storage_pb2.DeleteJobAssetsRequest, context: Context
    ) -> storage_pb2.DeleteJobAssetsResponse:
        raise NotImplementedError


class Events(events_pb2_grpc.EventServiceServicer, events_pb2_grpc.SystemServiceServicer):
    """Three events, and a break after the second the first time."""

    def __init__(self) -> None:
        self.after: list[str] = []

    async def Subscribe(
        self, request: events_pb2.SubscribeRequest, context: Context
    ) -> AsyncIterator[events_pb2.Event]:
        self.after.append(request.after)
        yield events_pb2.Event(type="heartbeat", heartbeat=events_pb2.Heartbeat())
        for number in range(int(request.after or 0) + 1, 4):
            status = events_pb2.ModelStatus(model_id="demo", state="READY", worker_id="w")
            yield events_pb2.Event(type="model.status", cursor=str(number), model_status=status)
            if number == 2:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "upstream reset")
        await asyncio.Event().wait()

    async def GetSystemStatus(
        self, request: events_pb2.GetSystemStatusRequest, context: Context
    ) -> events_pb2.GetSystemStatusResponse:
        worker = events_pb2.WorkerStatus(id="w", kind="image", device="cpu", model_ids=["demo"])
        return events_pb2.GetSystemStatusResponse(version="0.1.0", workers=[worker])


class Door(grpc.aio.ServerInterceptor):
    """Lets in who has the key."""

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        if ("x-api-key", API_KEY) in (details.invocation_metadata or ()):
            return await continuation(details)

        async def nobody(_: Any, context: Context) -> None:
            await refuse(context, grpc.StatusCode.UNAUTHENTICATED, "KEY_INVALID", "the API key is not valid")

        async def nobody_streams(_: Any, context: Context) -> AsyncIterator[Any]:
            await refuse(context, grpc.StatusCode.UNAUTHENTICATED, "KEY_INVALID", "the API key is not valid")
            yield None

        handler = await continuation(details)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                nobody_streams, handler.request_deserializer, handler.response_serializer
            )
        return grpc.unary_unary_rpc_method_handler(nobody, handler.request_deserializer, handler.response_serializer)


class SmallMesh:
    """All of them behind one door, on a port of its own and a thread of its own."""

    def __init__(self) -> None:
        self.api_key = API_KEY
        self.files = Files()
        self.images = Images(self.files)
        self.models = Models()
        self.videos = Videos()
        self.video_models = VideoModels()
        self.jobs = Jobs(self.images, self.videos)
        self.keys = Keys()  # type: ignore[abstract]  # what the client never calls is not there
        self.events = Events()
        self.address = ""

    @classmethod
    @contextmanager
    def start(cls) -> "Iterator[SmallMesh]":
        """Runs while the context is open."""
        thread = LoopThread()
        mesh = cls()
        try:
            server = thread.run(mesh._serve())
            try:
                yield mesh
            finally:
                thread.run(server.stop(None))
        finally:
            thread.close()

    async def _serve(self) -> grpc.aio.Server:
        server = grpc.aio.server(interceptors=[Door()])
        image_pb2_grpc.add_ImageServiceServicer_to_server(self.images, server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(self.models, server)
        job_service_pb2_grpc.add_JobServiceServicer_to_server(self.jobs, server)
        events_pb2_grpc.add_JobEventServiceServicer_to_server(self.jobs, server)
        video_pb2_grpc.add_VideoServiceServicer_to_server(self.videos, server)
        video_pb2_grpc.add_VideoModelServiceServicer_to_server(self.video_models, server)
        auth_pb2_grpc.add_AuthServiceServicer_to_server(self.keys, server)
        storage_pb2_grpc.add_StorageServiceServicer_to_server(self.files, server)
        events_pb2_grpc.add_EventServiceServicer_to_server(self.events, server)
        events_pb2_grpc.add_SystemServiceServicer_to_server(self.events, server)
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        return server
