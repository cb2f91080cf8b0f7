"""Reading a file's structure in bounded steps."""

from collections.abc import Iterator
from typing import BinaryIO

from atelier_storage.domain.limits import CorruptError

# What is read at once of a part that is only walked over.
STEP_BYTES = 1 << 18


def take(file: BinaryIO, count: int) -> bytes:
    """The next `count` bytes; raises CorruptError when the file ends before."""
    data = file.read(count)
    if len(data) != count:
        raise CorruptError("the file ends too early")
    return data


def steps(file: BinaryIO, count: int) -> Iterator[bytes]:
    """The next `count` bytes in bounded pieces; raises CorruptError when the file ends before."""
    while count > 0:
        piece = take(file, min(count, STEP_BYTES))
        count -= len(piece)
        yield piece


def skip(file: BinaryIO, count: int, end: int) -> None:
    """Goes `count` bytes on; raises CorruptError when that leads past `end`."""
    if file.tell() + count > end:
        raise CorruptError("the file ends too early")
    file.seek(count, 1)
