"""Images: the kind of job, and the files of its result."""

from dataclasses import dataclass

from atelier_artifacts.domain.stored_files import StoredFile
from atelier_diffusion.policy.request import OutputKind
from atelier_drawing.domain.result import result_from
from atelier_jobs.domain.owner_jobs import Kind
from atelier_service.errors import NotFoundError

IMAGE = Kind(name="image", not_found_reason="IMAGE_NOT_FOUND", not_ready_reason="IMAGE_NOT_READY")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile(StoredFile):
    """One picture in storage, or the latent of one.

    Attributes:
        index: Its place among the pictures, from 0; a latent has that of its picture.
        seed: Its own seed: with `count` 1 it generates only this picture. 0 if there is a wide seed.
        wide_seed: Its own seed, for an image that was requested with a wide seed.
        kind: `PICTURE` or `LATENT`.
    """

    index: int
    seed: int
    wide_seed: int | None = None
    kind: OutputKind = "PICTURE"


def picture_of(result: bytes, index: int) -> ImageFile:
    """Returns one picture of a result. Raises NotFoundError for an index past the end."""
    pictures = [file for file in result_from(result, ImageFile).outputs if file.kind == "PICTURE"]
    if index >= len(pictures):
        text = f"the image has {len(pictures)} picture(s), counted from 0"
        raise NotFoundError("PICTURE_NOT_FOUND", text, metadata={"index": str(index)})
    return pictures[index]
