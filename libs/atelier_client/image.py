"""The caller's image: its record, and the operations on it."""

import os
from pathlib import Path

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty

from atelier.events.v1.events_pb2 import Event
from atelier.image.v1 import image_pb2
from atelier.image.v1.image_pb2 import (
    LATENT,
    CancelImageRequest,
    DeleteImageRequest,
    GenerationParameters,
    GetImageContentRequest,
    GetImageRequest,
    Image,
    ImageOutput,
    ListImagesRequest,
    ListImagesResponse,
    WatchImageRequest,
)
from atelier.storage.v1 import storage_pb2
from atelier_client.errors import AtelierApiError
from atelier_client.job import AsyncJob, JobRecord
from atelier_client.job_kind import JobKind
from atelier_client.rpc import rpc
from atelier_client.whole_file import save_whole

_FILE = image_pb2.DESCRIPTOR
_KIND = JobKind(
    list=rpc(_FILE, "ImageService.ListImages", ListImagesRequest, ListImagesResponse),
    listed=lambda page: page.images,
    get=rpc(_FILE, "ImageService.GetImage", GetImageRequest, Image),
    cancel=rpc(_FILE, "ImageService.CancelImage", CancelImageRequest, Image),
    delete=rpc(_FILE, "ImageService.DeleteImage", DeleteImageRequest, Empty),
    watch=rpc(_FILE, "ImageService.WatchImage", WatchImageRequest, Event),
)
_CONTENT = rpc(_FILE, "ImageService.GetImageContent", GetImageContentRequest, HttpBody)
_ASSET_CONTENT = rpc(
    storage_pb2.DESCRIPTOR, "StorageService.GetAssetContent", storage_pb2.GetAssetContentRequest, HttpBody
)


class ImageRecord(JobRecord[Image]):
    """The record of an image when it was fetched. `message` is the whole record, as the contract defines it."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.state} {self.parameters.prompt!r}>"

    @property
    def parameters(self) -> GenerationParameters:
        """The resolved parameters: every field is set."""
        return self.message.parameters

    @property
    def outputs(self) -> tuple[ImageOutput, ...]:
        """The pictures, then the latents; empty before the image has succeeded."""
        return tuple(self.message.outputs)

    @property
    def pictures(self) -> tuple[ImageOutput, ...]:
        """The pictures, in their order."""
        return tuple(output for output in self.message.outputs if output.kind != LATENT)

    @property
    def latents(self) -> tuple[ImageOutput, ...]:
        """The latents, in the order of their pictures. `asset_id` names one as the `init_latent` of another image."""
        return tuple(output for output in self.message.outputs if output.kind == LATENT)


class AsyncImage(AsyncJob[Image], ImageRecord):
    """An image of an `AsyncClient`. The object is immutable: methods that change the image return a new object."""

    kind = _KIND

    async def content(self, index: int = 0) -> bytes:
        """Returns the bytes of one picture, checked against their SHA-256.

        Args:
            index: The picture, from 0.

        Raises:
            JobFailedError: The image failed or was cancelled.
            AtelierApiError: FAILED_PRECONDITION: it has not ended yet; NOT_FOUND: it has no such picture.
            IncompleteError: The bytes are incomplete, or of another revision of the image.
        """
        self._require_outputs()
        if not 0 <= index < len(self.pictures):
            raise AtelierApiError("NOT_FOUND", "NOT_FOUND", f"the image has no picture {index}")
        return await self._bytes(_CONTENT, GetImageContentRequest(id=self.id, index=index), self.pictures[index])

    async def latent(self, index: int = 0) -> bytes:
        """Returns the bytes of one latent, a safetensors file. Raises as `content` does."""
        self._require_outputs()
        if not 0 <= index < len(self.latents):
            raise AtelierApiError("NOT_FOUND", "NOT_FOUND", f"the image has no latent {index}")
        latent = self.latents[index]
        return await self._bytes(_ASSET_CONTENT, storage_pb2.GetAssetContentRequest(id=latent.asset_id), latent)

    async def url(self, index: int = 0, *, expires_in_s: int = 0) -> str:
        """Creates a URL of one picture that needs no credentials, such as for an `<img>` of a web page.

        Args:
            index: The picture, from 0.
            expires_in_s: The shortest validity in seconds, up to 3600; 0 for 15 minutes.

        Returns:
            The signed URL; over gRPC only its path and query.
        """
        return await self._signed(f"{self.message.links.content}?index={index}", expires_in_s)

    async def save(self, path: str | os.PathLike[str], index: int = 0) -> Path:
        """Writes one picture to `path` atomically and returns the path. Raises OSError, and as `content` does."""
        return await save_whole(path, await self.content(index))

    async def save_latent(self, path: str | os.PathLike[str], index: int = 0) -> Path:
        """Writes one latent to `path` atomically and returns the path. Raises OSError, and as `latent` does."""
        return await save_whole(path, await self.latent(index))

    async def save_all(self, path: str | os.PathLike[str]) -> list[Path]:
        """Writes all pictures: a single one to `path` (`out.png`), several to `out-0.png`, `out-1.png` and so on.

        Returns:
            The paths written, in the order of the pictures.
        """
        return [await self.save(each, index) for index, each in enumerate(_paths(path, len(self.pictures)))]

    async def save_latents(self, path: str | os.PathLike[str]) -> list[Path]:
        """Writes all latents, as `save_all` writes pictures."""
        return [await self.save_latent(each, index) for index, each in enumerate(_paths(path, len(self.latents)))]


def _paths(path: str | os.PathLike[str], count: int) -> list[Path]:
    first = Path(path)
    if count == 1:
        return [first]
    return [first.with_name(f"{first.stem}-{index}{first.suffix}") for index in range(count)]
