"""WebM (RFC 9559, a subset of Matroska in EBML, RFC 8794)."""

from collections.abc import Iterator
from typing import BinaryIO

from atelier_storage.domain.formats.reader import take
from atelier_storage.domain.limits import CorruptError, Extent

_EBML, _SEGMENT, _CLUSTER, _TRACKS, _TRACK_ENTRY, _VIDEO = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE, 0xE0
_PIXEL_WIDTH, _PIXEL_HEIGHT = 0xB0, 0xBA
_MAX_ELEMENTS = 100_000


def extent(file: BinaryIO, end: int) -> Extent:
    """The size of the largest video track.

    Elements up to the first cluster are walked; a segment that says its size must be all there (one written live does
    not say it). Raises CorruptError otherwise, or when there is no video or no cluster.
    """
    width = height = 0
    has_cluster = False
    for _, start, stop in _find(file, 0, end, _SEGMENT):
        for element, inner, inner_stop in _elements(file, start, stop):
            if element == _TRACKS:
                found = _tracks_size(file, inner, inner_stop)
                width, height = max(width, found[0]), max(height, found[1])
            if element == _CLUSTER:
                has_cluster = True
                break
    if not has_cluster or not width or not height:
        raise CorruptError("it holds no video")
    return Extent(width, height)


def _tracks_size(file: BinaryIO, start: int, end: int) -> tuple[int, int]:
    width = height = 0
    for _, entry, entry_stop in _find(file, start, end, _TRACK_ENTRY):
        for _, video, video_stop in _find(file, entry, entry_stop, _VIDEO):
            for element, value, value_stop in _elements(file, video, video_stop):
                if element in (_PIXEL_WIDTH, _PIXEL_HEIGHT):
                    file.seek(value)
                    number = int.from_bytes(take(file, min(8, value_stop - value)), "big")
                    width = max(width, number) if element == _PIXEL_WIDTH else width
                    height = max(height, number) if element == _PIXEL_HEIGHT else height
    return width, height


def _find(file: BinaryIO, start: int, end: int, wanted: int) -> Iterator[tuple[int, int, int]]:
    return (found for found in _elements(file, start, end) if found[0] == wanted)


def _elements(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Id, start and end of the content of each element between two offsets; one of unknown size goes up to the end."""
    at = start
    for _ in range(_MAX_ELEMENTS):
        if at >= end:
            return
        file.seek(at)
        element = _number(file, 4, keep_marker=True)
        size = _number(file, 8, keep_marker=False)
        content = file.tell()
        stop = end if size is None else content + size
        if stop > end or element is None:
            raise CorruptError("the file ends too early")
        yield element, content, stop
        at = stop
    raise CorruptError("it has too many elements")


def _number(file: BinaryIO, longest: int, *, keep_marker: bool) -> int | None:
    """A variable-length integer; None for the reserved "unknown" (all bits set)."""
    first = take(file, 1)[0]
    length = 9 - first.bit_length()
    if length > longest:
        raise CorruptError("a number inside is too long")
    value = int.from_bytes(bytes([first]) + take(file, length - 1), "big")
    if keep_marker:
        return value
    value &= (1 << 7 * length) - 1
    return None if value == (1 << 7 * length) - 1 else value
