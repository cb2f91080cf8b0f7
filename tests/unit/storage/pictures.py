"""Pictures and videos to store, and files that only look like some."""

import io
import json
import pickle
import struct
import zlib

from PIL import Image

from atelier_diffusion.encoding.latent_header import LatentHeader


def png(width: int = 8, height: int = 6, colour: str = "red") -> bytes:
    """A PNG of one colour."""
    return _saved(Image.new("RGB", (width, height), colour), "PNG")


def noise_png(width: int, height: int, seed: bytes) -> bytes:
    """A PNG that does not compress: about three bytes a pixel, stored without compression."""
    rows = bytearray()
    line = (seed * (3 * width // len(seed) + 1))[: 3 * width]
    for y in range(height):
        rows += b"\0" + line[y % 251 :] + line[: y % 251]
    return raw_png(width, height, zlib.compress(bytes(rows), 0))


def raw_png(width: int, height: int, data: bytes) -> bytes:
    """A PNG whose header says anything, with right checksums."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def bomb_png() -> bytes:
    """A few hundred bytes that say 50,000 × 50,000 pixels."""
    return raw_png(50_000, 50_000, zlib.compress(bytes(1000)))


def jpeg(width: int = 8, height: int = 6, *, progressive: bool = False) -> bytes:
    """A JPEG."""
    return _saved(Image.radial_gradient("L").resize((width, height)), "JPEG", progressive=progressive)


def webp(width: int = 8, height: int = 6, *, lossless: bool = False, frames: int = 1) -> bytes:
    """A WebP, animated when it has frames."""
    return _animated("WEBP", width, height, frames, lossless=lossless)


def gif(width: int = 8, height: int = 6, *, frames: int = 1) -> bytes:
    """A GIF, animated when it has frames."""
    return _animated("GIF", width, height, frames)


def apng(width: int, height: int, frames: int) -> bytes:
    """An animated PNG."""
    return _animated("PNG", width, height, frames)


def bomb_gif(width: int = 4000, height: int = 4000, frames: int = 15) -> bytes:
    """About 240 Mpx in a few hundred kilobytes: every frame is a whole canvas of one colour."""
    canvas = Image.new("P", (width, height))
    first = _saved(canvas, "GIF")
    # Pillow's own writer drops equal frames; the block of the one it wrote is repeated by hand.
    start = first.index(b"\x2c", 13 + 3 * 2)
    return first[:start] + first[start:-1] * frames + b"\x3b"


def mp4(width: int = 64, height: int = 48) -> bytes:
    """The least MP4: the boxes that say how large the video is, and some media data."""
    tkhd = _box(b"tkhd", bytes(76) + struct.pack(">II", width << 16, height << 16))
    audio = _box(b"trak", _box(b"tkhd", bytes(84)))
    moov = _box(b"moov", _box(b"mvhd", bytes(100)) + audio + _box(b"trak", tkhd + _box(b"mdia", bytes(8))))
    return _box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41") + _box(b"free", b"") + _box(b"mdat", bytes(500)) + moov


def webm(width: int = 64, height: int = 48) -> bytes:
    """The least WebM."""
    video = _ebml(0xE0, _ebml(0xB0, struct.pack(">H", width)) + _ebml(0xBA, struct.pack(">H", height)))
    tracks = _ebml(0x1654AE6B, _ebml(0xAE, _ebml(0xD7, b"\1") + video))
    cluster = _ebml(0x1F43B675, _ebml(0xE7, b"\0") + _ebml(0xA3, bytes(200)))
    head = _ebml(0x1A45DFA3, _ebml(0x4286, b"\1") + _ebml(0x4282, b"webm") + _ebml(0x4287, b"\4"))
    return head + _ebml(0x18538067, _ebml(0x1549A966, b"") + tracks + cluster)


def latent(width: int = 64, height: int = 48, **tensor: object) -> bytes:
    """A latent in cells of 8 pixels, of four numbers each; `tensor` changes what its header says."""
    shape = (1, 4, height // 8, width // 8)
    header = LatentHeader("sd15", 0.18215, width, height, shape)
    numbers = bytes(4 * 4 * shape[2] * shape[3])
    if not tensor:
        return header.to_bytes() + numbers
    said = json.loads(header.to_bytes()[8:])
    said["samples"] |= tensor
    text = json.dumps(said).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def tensors(count: int) -> bytes:
    """The beginning of a safetensors file of `count` tensors."""
    entry = b'"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
    return struct.pack("<Q", count * len(entry) + 2) + b"{" + entry * min(count, 1000)


class _Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("this ran",)


def no_pictures() -> dict[str, bytes]:
    """Files that are not what may be stored, by what they are."""
    truncated = noise_png(64, 64, b"abc")
    flipped = bytearray(png(64, 64))
    flipped[-20] ^= 1
    return {
        "a pickle": pickle.dumps(_Harm()),
        "text": b"hello, " * 2000,
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
        "SVG": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        "HTML": b"<!doctype html><script>alert(1)</script>",
        "a zip": b"PK\3\4" + bytes(100),
        "an ELF": b"\x7fELF" + bytes(100),
        "a BMP": _saved(Image.new("RGB", (4, 4)), "BMP"),
        "a TIFF": _saved(Image.new("RGB", (4, 4)), "TIFF"),
        "a HEIC": _box(b"ftyp", b"heic\0\0\0\0mif1heic") + bytes(100),
        "a QuickTime movie": _box(b"ftyp", b"qt  \0\0\2\0qt  ") + bytes(100),
        "a Matroska": _ebml(0x1A45DFA3, _ebml(0x4282, b"matroska")) + bytes(100),
        "one byte": b"\x89",
        "a PNG signature alone": png()[:8],
        "a truncated PNG": truncated[: len(truncated) // 2],
        "a PNG without its last byte": png()[:-1],
        "a PNG with a flipped bit": bytes(flipped),
        "a PNG of no pixels": raw_png(0, 5, b""),
        "a truncated JPEG": jpeg(64, 64)[:-2],
        "a truncated GIF": gif(64, 64)[:-1],
        "a truncated WebP": webp(64, 64)[:-4],
        "a truncated MP4": mp4()[:-10],
        "a truncated WebM": webm()[:-10],
        "a GIF of no frames": gif()[:13] + b"\x3b",
        "a truncated latent": latent()[:-1],
        "a latent and more": latent() + b"\0",
        "a latent of half numbers": latent(dtype="F16"),
        "a latent of another shape": latent(shape=[1, 4, 6, 9]),
        "a latent of 10^9 channels": latent(shape=[1, 10**9, 6, 8]),
        "a safetensors file of 10^9 tensors": tensors(10**9),
        "a safetensors file of two tensors": tensors(2),
    }


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _animated(kind: str, width: int, height: int, frames: int, **options: object) -> bytes:
    images = [Image.new("RGB", (width, height), (40 * n % 256, 10 * n % 256, 99)) for n in range(frames)]
    if frames > 1:
        options |= {"save_all": True, "append_images": images[1:], "duration": 100}
    return _saved(images[0], kind, **options)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + kind + data


def _ebml(element: int, data: bytes) -> bytes:
    name = element.to_bytes((element.bit_length() + 7) // 8, "big")
    size = bytes([0x80 | len(data)]) if len(data) < 127 else (0x1000_0000 | len(data)).to_bytes(4, "big")
    return name + size + data
