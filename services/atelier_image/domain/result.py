"""What a finished image is made of."""

from dataclasses import dataclass

from atelier_artifacts.domain.stored_files import StoredFile
from atelier_drawing.domain.result import result_from
from atelier_service.errors import NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture(StoredFile):
    """One picture in storage. `seed` is its own: with count 1 it makes this picture alone."""

    index: int
    seed: int


def picture_of(result: bytes, index: int) -> Picture:
    """One picture of a result. Raises NotFoundError for an index past the end."""
    pictures = result_from(result, Picture).outputs
    if index >= len(pictures):
        text = f"the image has {len(pictures)} picture(s), counted from 0"
        raise NotFoundError("PICTURE_NOT_FOUND", text, metadata={"index": str(index)})
    return pictures[index]
