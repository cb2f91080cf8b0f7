"""Servers that implement the contracts just far enough to show what the gateway makes of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import grpc.aio
from google.api import httpbody_pb2
from google.protobuf import any_pb2, empty_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from atelier.auth.v1 import auth_pb2, auth_pb2_grpc
from atelier.events.v1 import events_pb2, events_pb2_grpc
from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier.jobs.v1 import job_pb2
from atelier.storage.v1 import storage_pb2, storage_pb2_grpc
from atelier.video.v1 import video_pb2, video_pb2_grpc
from atelier_envoy_api.config.core.v3 import base_pb2
from atelier_envoy_api.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from atelier_envoy_api.type.v3 import http_status_pb2
from atelier_jobs.events.shared_event import Framing, SharedEvent
from atelier_service.http import open_frames, request_header, set_http
from tests.support.tokens import TestSigner

Context = grpc.aio.ServicerContext[Any, Any]
CONTENT = bytes(range(256)) * 512
ETAG = '"content"'


async def fail(context: Context, code: int, reason: str, message: str, **trailing: str) -> NoReturn:
    """Ends the call as a service of the mesh does: a status with one ErrorInfo."""
    info = any_pb2.Any()
    info.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="atelier"))
    status = rpc_status.to_status(status_pb2.Status(code=code, message=message, details=[info]))
    metadata = tuple(status.trailing_metadata) + tuple((k.replace("_", "-"), v) for k, v in trailing.items())
    await context.abort(status.code, status.details, metadata)
    raise AssertionError("abort raises")


class Called(grpc.aio.ServerInterceptor):
    """Remembers which RPCs were reached, also those that nobody implements."""

    def __init__(self) -> None:
        self.paths: set[str] = set()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        self.paths.add(handler_call_details.method)
        return await continuation(handler_call_details)


class Images(image_pb2_grpc.ImageServiceServicer):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.metadata: dict[str, str] = {}
        self.watchers = self.readers = 0
        self.last_event_ids: list[str] = []
        self.release = asyncio.Event()

    def _remember(self, context: Context) -> None:
        self.metadata = {key: str(value) for key, value in context.invocation_metadata() or ()}

    async def GenerateImage(self, request: image_pb2.GenerateImageRequest, context: Context) -> image_pb2.Image:
        self._remember(context)
        if request.parameters.prompt == "queue full":
            await fail(context, code_pb2.RESOURCE_EXHAUSTED, "QUEUE_FULL", "the queue is full", retry_after="7")
        if request.parameters.prompt == "bug":
            raise RuntimeError("a secret of the service")
        await set_http(context, 202, location="/api/v1/images/1")
        image_id = "quiet" if request.parameters.prompt == "quiet" else "1"
        links = image_pb2.ImageLinks(self=f"/api/v1/images/{image_id}", events=f"/api/v1/images/{image_id}/events")
        return image_pb2.Image(id=image_id, state=job_pb2.QUEUED, parameters=request.parameters, links=links)

    async def ListImages(self, request: image_pb2.ListImagesRequest, context: Context) -> image_pb2.ListImagesResponse:
        self._remember(context)
        return image_pb2.ListImagesResponse(next_page_token=f"{request.page_size} {request.state}")

    async def GetImage(self, request: image_pb2.GetImageRequest, context: Context) -> image_pb2.Image:
        self._remember(context)
        if request.id == "none":
            await fail(context, code_pb2.NOT_FOUND, "IMAGE_NOT_FOUND", "no such image")
        if request.id == "slow":
            await self.release.wait()
        return image_pb2.Image(id=request.id, state=job_pb2.RUNNING)

    async def UpdateImage(self, request: image_pb2.UpdateImageRequest, context: Context) -> image_pb2.Image:
        await set_http(context, 202)
        return image_pb2.Image(id=request.id, parameters=request.parameters)

    async def DeleteImage(self, request: image_pb2.DeleteImageRequest, context: Context) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    async def CancelImage(self, request: image_pb2.CancelImageRequest, context: Context) -> image_pb2.Image:
        return image_pb2.Image(id=request.id, state=job_pb2.CANCELING)

    async def GetImageContent(
        self, request: image_pb2.GetImageContentRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        if request.id == "endless":
            self.readers += 1
            try:
                while True:
                    yield httpbody_pb2.HttpBody(content_type="image/png", data=bytes(1 << 16))
            finally:
                self.readers -= 1
        wanted = request_header(context, "range")
        kept = {"cache_control": "private, no-cache"} if request.id == "cacheable" else {}
        if request_header(context, "if-none-match") == ETAG:
            await set_http(context, 304, etag=ETAG, **kept)
            return
        if wanted == "bytes=999999-":
            await fail(context, code_pb2.OUT_OF_RANGE, "RANGE_NOT_SATISFIABLE", "no such range",
                       x_http_code="416", content_range=f"bytes */{len(CONTENT)}")  # fmt: skip
        data, status, extra = CONTENT * (320 if request.id == "large" else 1), 200, kept
        if wanted:
            first, last = (int(part) for part in wanted.removeprefix("bytes=").split("-"))
            data, status = CONTENT[first : last + 1], 206
            extra = kept | {"content_range": f"bytes {first}-{last}/{len(CONTENT)}"}
        await set_http(context, status, etag=ETAG, x_http_content_length=str(len(data)), **extra)
        for start in range(0, len(data), 1 << 16):
            yield httpbody_pb2.HttpBody(content_type="image/png", data=data[start : start + (1 << 16)])

    async def WatchImage(
        self, request: image_pb2.WatchImageRequest, context: Context
    ) -> AsyncIterator[events_pb2.Event]:
        if request.id != "none":
            await context.send_initial_metadata(())
        async for event in self.events(request, context):
            yield event

    async def events(self, request: image_pb2.WatchImageRequest, context: Context) -> AsyncIterator[events_pb2.Event]:
        """Three events; of `quiet` none until it is released."""
        if request.id == "none":
            await fail(context, code_pb2.NOT_FOUND, "IMAGE_NOT_FOUND", "no such image")
        if request.id == "quiet":
            self.watchers += 1
            try:
                await self.release.wait()
            finally:
                self.watchers -= 1
        for seq in range(request.after_seq + 1, 4):
            if request.id == "broken" and seq == 3 and not request.after_seq:
                await fail(context, code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE", "it broke")
            yield events_pb2.Event(type="generation.progress", seq=seq)


class ImageStreams(image_pb2_grpc.ImageStreamServiceServicer):
    """The events of Images, as frames."""

    def __init__(self, images: Images) -> None:
        self._images = images

    async def WatchImage(
        self, request: image_pb2.WatchImageRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        framing = Framing.of(request_header(context, "accept"))
        last = request_header(context, "last-event-id") or ""
        self._images.last_event_ids.append(last)
        if last == "3":
            await set_http(context, 204)
            return
        if last:
            request.after_seq = int(last)
        if request.id != "none":
            await open_frames(context)
            yield httpbody_pb2.HttpBody.FromString(framing.opening)
        async for event in self._images.events(request, context):
            yield httpbody_pb2.HttpBody.FromString(SharedEvent(event, str(event.seq)).framed(framing))


def _video_links(video_id: str) -> video_pb2.VideoLinks:
    path = f"/api/v1/videos/{video_id}"
    return video_pb2.VideoLinks(self=path, events=f"{path}/events", content=f"{path}/content")


class Videos(video_pb2_grpc.VideoServiceServicer):
    """Remembers what it was asked. Whatever is `slow` waits until it is released."""

    def __init__(self) -> None:
        self.parameters = video_pb2.VideoParameters()
        self.frame = video_pb2.GetVideoFrameRequest()
        self.role = video_pb2.OUTPUT_ROLE_UNSPECIFIED
        self.waiting = 0
        self.release = asyncio.Event()

    async def _wait_if(self, slow: bool) -> None:
        if slow:
            self.waiting += 1
            await self.release.wait()

    async def GenerateVideo(self, request: video_pb2.GenerateVideoRequest, context: Context) -> video_pb2.Video:
        self.parameters = request.parameters
        await self._wait_if(request.parameters.prompt == "slow")
        await set_http(context, 202, location="/api/v1/videos/1")
        return video_pb2.Video(id="1", state=job_pb2.QUEUED, parameters=request.parameters, links=_video_links("1"))

    async def ListVideos(self, request: video_pb2.ListVideosRequest, context: Context) -> video_pb2.ListVideosResponse:
        return video_pb2.ListVideosResponse(next_page_token=f"{request.page_size} {request.state}")

    async def GetVideo(self, request: video_pb2.GetVideoRequest, context: Context) -> video_pb2.Video:
        await self._wait_if(request.id == "slow")
        outputs = [
            video_pb2.VideoOutput(role=role, size_bytes=len(CONTENT))
            for role in (video_pb2.CLIP, video_pb2.CONTACT_SHEET)
        ]
        links = _video_links(request.id)
        return video_pb2.Video(id=request.id, state=job_pb2.SUCCEEDED, links=links, outputs=outputs)

    async def GetVideoContent(
        self, request: video_pb2.GetVideoContentRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        self.role = request.role
        await self._wait_if(request.id == "slow")
        yield httpbody_pb2.HttpBody(content_type="video/mp4", data=CONTENT)

    async def GetVideoFrame(
        self, request: video_pb2.GetVideoFrameRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        self.frame = request
        await self._wait_if(request.id == "slow")
        yield httpbody_pb2.HttpBody(content_type="image/webp", data=CONTENT)

    async def WatchVideo(
        self, request: video_pb2.WatchVideoRequest, context: Context
    ) -> AsyncIterator[events_pb2.Event]:
        await self._wait_if(request.id == "slow")
        yield events_pb2.Event(type="generation.progress", seq=1)


class VideoStreams(video_pb2_grpc.VideoStreamServiceServicer):
    """The events of Videos, as frames."""

    def __init__(self, videos: Videos) -> None:
        self._videos = videos

    async def WatchVideo(
        self, request: video_pb2.WatchVideoRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        framing = Framing.of(request_header(context, "accept"))
        async for event in self._videos.WatchVideo(request, context):
            yield httpbody_pb2.HttpBody.FromString(SharedEvent(event, str(event.seq)).framed(framing))


class Storage(storage_pb2_grpc.StorageServiceServicer):
    """Counts bytes."""

    def __init__(self) -> None:
        self.received_bytes = 0

    async def CreateAsset(
        self, request_iterator: AsyncIterator[storage_pb2.CreateAssetRequest], context: Context
    ) -> storage_pb2.Asset:
        self.received_bytes = 0
        asset = storage_pb2.Asset(id="1")
        async for request in request_iterator:
            self.received_bytes += len(request.file.data)
            asset.filename = asset.filename or request.filename
            asset.content_type = asset.content_type or request.file.content_type
            if asset.filename == "too large":
                await fail(context, code_pb2.RESOURCE_EXHAUSTED, "TOO_LARGE", "too large", x_http_code="413")
        asset.size_bytes = self.received_bytes
        return asset

    async def DeleteJobAssets(
        self, request: storage_pb2.DeleteJobAssetsRequest, context: Context
    ) -> storage_pb2.DeleteJobAssetsResponse:
        return storage_pb2.DeleteJobAssetsResponse(deleted_count=1)


class Auth(auth_pb2_grpc.AuthServiceServicer, external_auth_pb2_grpc.AuthorizationServicer):
    """Knows one API key for every name: `atl_<name>_secret`."""

    def __init__(self, signer: TestSigner) -> None:
        self.signer = signer
        self.checks = 0

    async def GetJwks(self, request: auth_pb2.GetJwksRequest, context: Context) -> auth_pb2.GetJwksResponse:
        keys = (await self.signer.jwks())["keys"]
        return auth_pb2.GetJwksResponse(keys=[auth_pb2.JsonWebKey(**key) for key in keys])

    async def CreateToken(self, request: auth_pb2.CreateTokenRequest, context: Context) -> auth_pb2.CreateTokenResponse:
        return auth_pb2.CreateTokenResponse(access_token="token", token_type="Bearer", expires_in_s=300)

    async def CreateServiceToken(
        self, request: auth_pb2.CreateServiceTokenRequest, context: Context
    ) -> auth_pb2.CreateServiceTokenResponse:
        return auth_pb2.CreateServiceTokenResponse(access_token="must never be reached")

    async def Check(self, request: external_auth_pb2.CheckRequest, context: Context) -> external_auth_pb2.CheckResponse:
        self.checks += 1
        key = request.attributes.request.http.headers.get("x-api-key", "")
        if not (key.startswith("atl_") and key.endswith("_secret")):
            return external_auth_pb2.CheckResponse(
                status=status_pb2.Status(code=code_pb2.UNAUTHENTICATED),
                denied_response=external_auth_pb2.DeniedHttpResponse(
                    status=http_status_pb2.HttpStatus(code=http_status_pb2.Unauthorized)
                ),
            )
        subject = key.split("_")[1]
        token = self.signer.token(subject)

        def header(name: str, value: str) -> base_pb2.HeaderValueOption:
            return base_pb2.HeaderValueOption(
                header=base_pb2.HeaderValue(key=name, value=value),
                append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
            )

        headers = [header("authorization", f"Bearer {token}"), header("x-atelier-subject", subject)]
        return external_auth_pb2.CheckResponse(
            status=status_pb2.Status(code=code_pb2.OK),
            ok_response=external_auth_pb2.OkHttpResponse(headers=headers),
        )


class System(events_pb2_grpc.SystemServiceServicer):
    """Says hello."""

    async def GetSystemStatus(
        self, request: events_pb2.GetSystemStatusRequest, context: Context
    ) -> events_pb2.GetSystemStatusResponse:
        return events_pb2.GetSystemStatusResponse(version="test")


class Events(events_pb2_grpc.EventServiceServicer):
    """Repeats the filter."""

    async def Subscribe(
        self, request: events_pb2.SubscribeRequest, context: Context
    ) -> AsyncIterator[events_pb2.Event]:
        for kind in request.types:
            yield events_pb2.Event(type=kind)


class EventStreams(events_pb2_grpc.EventStreamServiceServicer):
    """Repeats the filter, as frames."""

    async def Subscribe(
        self, request: events_pb2.SubscribeRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        framing = Framing.of(request_header(context, "accept"))
        for kind in request.types:
            yield httpbody_pb2.HttpBody.FromString(SharedEvent(events_pb2.Event(type=kind)).framed(framing))
