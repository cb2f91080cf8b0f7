"""Latents of pictures: safetensors files of one tensor; see `atelier_diffusion.encoding.latent_header`."""

from typing import BinaryIO

from atelier_diffusion.encoding.latent_header import HEAD_BYTES, LatentFileError, read_latent_header
from atelier_storage.domain.limits import CorruptError, Extent


def extent(file: BinaryIO, end: int) -> Extent:
    """The size of the picture, after a check of the header against the size of the file; no number is read.

    Raises CorruptError when the header is wrong or the file ends too early or too late.
    """
    file.seek(0)
    try:
        header = read_latent_header(file.read(HEAD_BYTES), end)
    except LatentFileError as error:
        raise CorruptError(str(error)) from error
    return Extent(header.width_px, header.height_px)
