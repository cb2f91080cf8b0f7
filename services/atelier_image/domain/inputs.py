"""Inputs of an image: assets of the caller with which a drawing begins, and its mask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from atelier_diffusion.encoding.latent_header import (
    CONTENT_TYPE,
    HEAD_BYTES,
    LatentFileError,
    LatentHeader,
    read_latent_header,
)
from atelier_service.errors import FieldViolation, InvalidArgumentError, NotFoundError

InputName = Literal["init_image", "init_latent", "mask"]
INPUT_NAMES: tuple[InputName, ...] = get_args(InputName)

_PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """The metadata of an asset: media type, size in bytes, and SHA-256 in hex."""

    content_type: str
    size_bytes: int
    sha256: str


class CallersAssets(Protocol):
    """The port to the caller's assets."""

    async def facts(self, asset_id: str) -> AssetFacts:
        """Returns the metadata of an asset. Raises NotFoundError."""
        ...

    async def head(self, asset_id: str, length: int) -> bytes:
        """Returns the first `length` bytes of an asset, or all of a shorter one. Raises NotFoundError."""
        ...


@dataclass(frozen=True, slots=True)
class Input:
    """An asset with which an image begins, or its mask.

    Attributes:
        asset_id: The asset.
        sha256: The hash of its content, on which the image depends; empty until the asset is looked up.
        latent: The header of a latent after it is looked up; None for a picture, and in a stored spec.
    """

    asset_id: str
    sha256: str = ""
    latent: LatentHeader | None = None


async def looked_up(assets: CallersAssets, inputs: Mapping[InputName, Input]) -> dict[InputName, Input]:
    """Looks up the assets that a caller named.

    Raises:
        NotFoundError: The caller has no such asset.
        InvalidArgumentError: NOT_A_PICTURE or NOT_A_LATENT, it has another content type or is malformed.
    """
    return {name: await _looked_up(assets, name, each.asset_id) for name, each in inputs.items()}


async def _looked_up(assets: CallersAssets, name: InputName, asset_id: str) -> Input:
    field = f"{name}_asset_id"
    try:
        facts = await assets.facts(asset_id)
        if name != "init_latent":
            return Input(asset_id, _picture_digest(field, facts))
        if facts.content_type != CONTENT_TYPE:
            text = f"is {facts.content_type}: a latent is needed, {CONTENT_TYPE}"
            raise InvalidArgumentError.of_field(field, text, reason="NOT_A_LATENT")
        header = read_latent_header(await assets.head(asset_id, HEAD_BYTES), facts.size_bytes)
    except NotFoundError as error:
        text = "there is no such asset"
        violation = FieldViolation(field, text)
        metadata = {"asset_id": asset_id}
        raise NotFoundError("ASSET_NOT_FOUND", f"{field}: {text}", metadata=metadata, fields=[violation]) from error
    except LatentFileError as error:
        raise InvalidArgumentError.of_field(field, f"is no latent: {error}", reason="NOT_A_LATENT") from error
    return Input(asset_id, facts.sha256, header)


def _picture_digest(field: str, facts: AssetFacts) -> str:
    if facts.content_type not in _PICTURES:
        text = f"is {facts.content_type}: a PNG, JPEG or WebP picture is needed"
        raise InvalidArgumentError.of_field(field, text, reason="NOT_A_PICTURE")
    return facts.sha256
