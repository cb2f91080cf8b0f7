"""An image of the caller's: a snapshot of its record, and what can be done with it."""

import asyncio
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty

from atelier.events.v1.events_pb2 import Event
from atelier.image.v1 import image_pb2
from atelier.image.v1.image_pb2 import (
    CancelImageRequest,
    DeleteImageRequest,
    GenerationParameters,
    GetImageContentRequest,
    GetImageRequest,
    ImageOutput,
)
from atelier.jobs.v1 import job_pb2
from atelier_client.connection import Connection
from atelier_client.errors import AtelierApiError, IncompleteError, JobFailedError
from atelier_client.rpc import rpc
from atelier_client.states import TERMINAL_STATES

GET = rpc(image_pb2.DESCRIPTOR, "ImageService.GetImage", GetImageRequest, image_pb2.Image)
_CANCEL = rpc(image_pb2.DESCRIPTOR, "ImageService.CancelImage", CancelImageRequest, image_pb2.Image)
_DELETE = rpc(image_pb2.DESCRIPTOR, "ImageService.DeleteImage", DeleteImageRequest, Empty)
_CONTENT = rpc(image_pb2.DESCRIPTOR, "ImageService.GetImageContent", GetImageContentRequest, HttpBody)


class ImageRecord:
    """An image as it stood when it was fetched. `message` is the whole record, as the contract defines it."""

    def __init__(self, message: image_pb2.Image) -> None:
        self.message = message

    @property
    def id(self) -> str:
        """UUIDv7."""
        return self.message.id

    @property
    def state(self) -> str:
        """`QUEUED`, `RUNNING`, `CANCELING`, `SUCCEEDED`, `FAILED` or `CANCELED`."""
        return job_pb2.State.Name(self.message.state)

    @property
    def finished(self) -> bool:
        """True when it has ended, well or not."""
        return self.message.state in TERMINAL_STATES

    @property
    def parameters(self) -> GenerationParameters:
        """What is drawn, resolved: nothing is left out."""
        return self.message.parameters

    @property
    def outputs(self) -> tuple[ImageOutput, ...]:
        """The pictures that were made."""
        return tuple(self.message.outputs)

    @property
    def trace_id(self) -> str:
        """Trace of the request that made it."""
        return self.message.trace_id

    @property
    def cached(self) -> bool:
        """True when the pictures came from the content cache."""
        return self.message.cached

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.state} {self.parameters.prompt!r}>"

    def raise_for_state(self) -> None:
        """Raises JobFailedError when it failed or was cancelled."""
        if self.message.state in (job_pb2.FAILED, job_pb2.CANCELED):
            raise JobFailedError(self.message, canceled=self.message.state == job_pb2.CANCELED)


class AsyncImage(ImageRecord):
    """An image of an `AsyncClient`. The record never changes: methods that change the image answer a new one."""

    def __init__(self, message: image_pb2.Image, connection: Connection) -> None:
        super().__init__(message)
        self._connection = connection

    async def refresh(self) -> "AsyncImage":
        """The image as it stands now."""
        return self._next(await self._connection.call(GET, GetImageRequest(id=self.id)))

    def watch(self, *, after_seq: int | None = None) -> AsyncIterator[Event]:
        """What happens to it until its end; resumes by itself when a connection breaks. See `AsyncClient.watch`."""
        return self._connection.watch(self.id, after_seq)

    async def wait(self, timeout_s: float | None = None) -> "AsyncImage":
        """Waits until it has ended and answers it as it then is; as it stands after `timeout_s` seconds, if given.

        Raises JobFailedError when it failed or was cancelled.
        """
        image = self
        try:
            async with asyncio.timeout(timeout_s):
                while not image.finished:
                    async for _ in image.watch():
                        pass
                    image = await image.refresh()
        except TimeoutError:
            image = await image.refresh()
        image.raise_for_state()
        return image

    async def cancel(self) -> "AsyncImage":
        """Stops it within one denoising step. A finished image stays as it is."""
        return self._next(await self._connection.call(_CANCEL, CancelImageRequest(id=self.id)))

    async def delete(self) -> None:
        """Stops it if it runs, and removes it with its files."""
        await self._connection.call(_DELETE, DeleteImageRequest(id=self.id))

    async def content(self, index: int = 0) -> bytes:
        """The bytes of one picture, checked against their SHA-256.

        Raises JobFailedError when there will be none, AtelierApiError FAILED_PRECONDITION before the end, NOT_FOUND for
        an index that is none.
        """
        self.raise_for_state()
        if not self.finished:
            raise AtelierApiError("FAILED_PRECONDITION", "NOT_FINISHED", f"the image is {self.state}: wait for its end")
        if not 0 <= index < len(self.outputs):
            raise AtelierApiError("NOT_FOUND", "NOT_FOUND", f"the image has no picture {index}")
        output = self.outputs[index]
        request = GetImageContentRequest(id=self.id, index=index)
        data = await self._connection.content(_CONTENT, request, size_bytes=output.size_bytes)
        if output.sha256 and hashlib.sha256(data).hexdigest() != output.sha256:
            raise IncompleteError("the bytes are not those of the picture: was it made anew meanwhile?")
        return data

    async def save(self, path: str | os.PathLike[str], index: int = 0) -> Path:
        """Writes one picture to `path`, all of it or nothing. Raises OSError when that cannot be written."""
        data = await self.content(index)
        return await asyncio.to_thread(_write, Path(path), data)

    async def save_all(self, path: str | os.PathLike[str]) -> list[Path]:
        """Writes every picture: one to `out.png`, several to `out-0.png`, `out-1.png` and so on."""
        first = Path(path)
        if len(self.outputs) == 1:
            return [await self.save(first)]
        return [
            await self.save(first.with_name(f"{first.stem}-{index}{first.suffix}"), index)
            for index in range(len(self.outputs))
        ]

    def _next(self, message: image_pb2.Image) -> "AsyncImage":
        return AsyncImage(message, self._connection)


def _write(path: Path, data: bytes) -> Path:
    """Writes beside `path` and renames, so that nobody finds half a picture; a device is written to as it is."""
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return path
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path
