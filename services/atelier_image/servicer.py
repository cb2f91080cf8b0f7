"""`atelier.image.v1.ImageService`: reads a request, asks the domain, writes the answer."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc.aio
from google.api import httpbody_pb2
from google.protobuf import empty_pb2
from prometheus_client import Counter

from atelier.events.v1 import events_pb2
from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier_image.adapters.storage import StorageAssets
from atelier_image.domain.images import Images
from atelier_image.image_messages import asked_from, image_message, image_path, request_hash
from atelier_image.preference import wait_preference_s
from atelier_image.watching import Watching
from atelier_jobs.job import Job
from atelier_jobs.states import State
from atelier_service.errors import InvalidArgumentError
from atelier_service.http import request_header, set_http
from atelier_service.identity import current_principal
from atelier_service.paging import decode_token, encode_token, page_size

_Context = grpc.aio.ServicerContext[Any, Any]

_CONDITIONS = ("range", "if-none-match", "if-range")

_ACCEPTED = Counter("atelier_images_accepted_total", "Images accepted, by what answers them.", ["answer"])


class ImageServicer(image_pb2_grpc.ImageServiceServicer):
    """Owners see their own images only; the rest answers as if it were not there."""

    def __init__(self, images: Images, watching: Watching, storage: StorageAssets) -> None:
        self._images = images
        self._watching = watching
        self._storage = storage

    async def GenerateImage(self, request: image_pb2.GenerateImageRequest, context: _Context) -> image_pb2.Image:
        """Accepts a prompt, and waits for the picture when the caller prefers that."""
        owner = current_principal().subject
        submitted = await self._images.generate(
            owner,
            asked_from(request.parameters),
            key=_idempotency_key(request, context),
            request_hash=request_hash(request.parameters),
        )
        job = submitted.job
        _ACCEPTED.labels("repeat" if submitted.repeated else "cache" if job.cached else "worker").inc()
        return await self._accepted(owner, job, context)

    async def ListImages(self, request: image_pb2.ListImagesRequest, context: _Context) -> image_pb2.ListImagesResponse:
        """Pages by id: UUIDv7 sort by time, so nothing is skipped or repeated when images come and go."""
        before = str(decode_token(request.page_token, 1)[0]) if request.page_token else ""
        page = await self._images.page(
            current_principal().subject,
            state=State(request.state) if request.state else None,
            before=before,
            limit=page_size(request.page_size),
        )
        answer = image_pb2.ListImagesResponse(images=map(image_message, page.jobs))
        if page.next_before:
            answer.next_page_token = encode_token(page.next_before)
        return answer

    async def GetImage(self, request: image_pb2.GetImageRequest, context: _Context) -> image_pb2.Image:
        """One image of the caller."""
        return image_message(await self._images.get(current_principal().subject, request.id))

    async def UpdateImage(self, request: image_pb2.UpdateImageRequest, context: _Context) -> image_pb2.Image:
        """New parameters."""
        owner = current_principal().subject
        job = await self._images.update(owner, request.id, asked_from(request.parameters))
        return await self._accepted(owner, job, context)

    async def DeleteImage(self, request: image_pb2.DeleteImageRequest, context: _Context) -> empty_pb2.Empty:
        """Stops and removes."""
        await self._images.delete(current_principal().subject, request.id)
        return empty_pb2.Empty()

    async def CancelImage(self, request: image_pb2.CancelImageRequest, context: _Context) -> image_pb2.Image:
        """Stops."""
        return image_message(await self._images.cancel(current_principal().subject, request.id))

    async def GetImageContent(
        self, request: image_pb2.GetImageContentRequest, context: _Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """The bytes as storage answers them to the caller, headers included."""
        output = await self._images.output(current_principal().subject, request.id, request.index)
        headers = [(name, value) for name in _CONDITIONS if (value := request_header(context, name)) is not None]
        call = self._storage.content(output.asset_id, headers)
        try:
            chunk = await call.read()  # an error comes before anything is sent: so its HTTP status can be told
            await context.send_initial_metadata(_passed_on(await call.initial_metadata()))
            while isinstance(chunk, httpbody_pb2.HttpBody):
                yield chunk
                chunk = await call.read()
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                await self._images.file_lost(current_principal().subject, request.id, output.asset_id)
            # Such as 416 with its Content-Range.
            context.set_trailing_metadata(_passed_on(error.trailing_metadata()))
            raise
        finally:
            call.cancel()

    async def WatchImage(
        self, request: image_pb2.WatchImageRequest, context: _Context
    ) -> AsyncIterator[events_pb2.Event]:
        """What happens to one image, to its end."""
        owner = current_principal().subject
        await self._images.get(owner, request.id)
        await context.send_initial_metadata(())  # the stream is open now, and not when something happens
        after_seq = request.after_seq if request.HasField("after_seq") else None
        async with aclosing(self._watching.events(owner, request.id, after_seq)) as events:
            async for event in events:
                yield event

    async def _accepted(self, owner: str, job: Job, context: _Context) -> image_pb2.Image:
        """202 for what is to be done, 200 for what is done; waits before, when the caller prefers that."""
        headers = {"location": image_path(job.id)}
        wait_s = wait_preference_s(request_header(context, "prefer"))
        if wait_s is not None:
            headers["preference_applied"] = f"wait={wait_s}"
            if wait_s and not job.state.terminal:
                job = await self._watching.end(owner, job.id, wait_s)
        await set_http(context, None if job.state.terminal else 202, **headers)
        return image_message(job)


def _idempotency_key(request: image_pb2.GenerateImageRequest, context: _Context) -> str:
    header = request_header(context, "idempotency-key") or ""
    if len(header) > 128:
        raise InvalidArgumentError.of_field("idempotency-key", "must have at most 128 characters")
    if header and request.request_id and header != request.request_id:
        text = "differs from the Idempotency-Key header"
        raise InvalidArgumentError.of_field("request_id", text, reason="AMBIGUOUS_IDEMPOTENCY_KEY")
    return header or request.request_id


def _passed_on(metadata: Any) -> tuple[tuple[str, str | bytes], ...]:
    """What another service sent along, but for what belongs to the hop."""
    return tuple(
        (key, value)
        for key, value in metadata or ()
        if not key.startswith(("grpc-", ":")) and key not in ("content-type", "user-agent", "date", "server")
    )
