"""Images: the kind of job, and the pictures of its result."""

from dataclasses import dataclass

from atelier_artifacts.domain.stored_files import StoredFile
from atelier_drawing.domain.result import result_from
from atelier_jobs.domain.owner_jobs import Kind
from atelier_service.errors import NotFoundError

IMAGE = Kind(name="image", not_found_reason="IMAGE_NOT_FOUND", not_ready_reason="IMAGE_NOT_READY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture(StoredFile):
    """One picture in storage. `seed` is its own: with `count` 1 it generates this picture alone."""

    index: int
    seed: int


def picture_of(result: bytes, index: int) -> Picture:
    """Returns one picture of a result. Raises NotFoundError for an index past the end."""
    pictures = result_from(result, Picture).outputs
    if index >= len(pictures):
        text = f"the image has {len(pictures)} picture(s), counted from 0"
        raise NotFoundError("PICTURE_NOT_FOUND", text, metadata={"index": str(index)})
    return pictures[index]
