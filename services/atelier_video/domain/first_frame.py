"""The picture that a clip begins with."""

from typing import Protocol

from atelier_service.errors import FieldViolation, InvalidArgumentError, NotFoundError

_FIELD = "first_frame_asset_id"
_PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})


class CallersAssets(Protocol):
    """The caller's files."""

    async def content_type(self, asset_id: str) -> str:
        """Returns the content type of a file. Raises NotFoundError."""
        ...


async def check_first_frame(assets: CallersAssets, asset_id: str) -> None:
    """Checks the asset with which a clip begins; an empty id passes.

    Raises:
        NotFoundError: The caller has no such asset.
        InvalidArgumentError: It is no picture.
    """
    if not asset_id:
        return
    try:
        content_type = await assets.content_type(asset_id)
    except NotFoundError as error:
        text = "there is no such asset"
        violation = FieldViolation(_FIELD, text)
        metadata = {"asset_id": asset_id}
        raise NotFoundError("ASSET_NOT_FOUND", f"{_FIELD}: {text}", metadata=metadata, fields=[violation]) from error
    if content_type not in _PICTURES:
        text = f"is {content_type}: a PNG, JPEG or WebP picture is needed"
        raise InvalidArgumentError.of_field(_FIELD, text, reason="NOT_A_PICTURE")
