"""An asset, and the blob that it may share with others of its owner."""

import re
import unicodedata
from dataclasses import dataclass
from enum import IntEnum

from atelier_storage.domain.sniff import ContentType

_PLAIN = re.compile(r"[a-z0-9-]")
MAX_FILENAME = 200


class Source(IntEnum):
    """Where an asset comes from; the numbers are the contract's."""

    UPLOAD = 1
    JOB = 2


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes on S3, and all that follows from them. One owner has one blob of one content.

    `key` names one life of the bytes: content that was deleted and comes again gets another key, so that a deletion
    under way can never hit the newcomer.
    """

    key: str
    owner: str
    sha256: str
    size_bytes: int
    content_type: ContentType
    width_px: int
    height_px: int

    @property
    def etag(self) -> str:
        """The strong ETag, with its quotes."""
        return f'"{self.sha256}"'


@dataclass(frozen=True, slots=True)
class Origin:
    """Who stores a file and why. `job_id`, `epoch` and `write_once_key` are set by services only."""

    owner: str
    filename: str = ""
    job_id: str = ""
    epoch: int = 0
    write_once_key: str = ""

    @property
    def source(self) -> Source:
        """A job's asset is one that names its job."""
        return Source.JOB if self.job_id else Source.UPLOAD


@dataclass(frozen=True, slots=True)
class Asset:
    """A stored file. `id` is a UUIDv7, `create_time_us` counts microseconds since the epoch."""

    id: str
    origin: Origin
    create_time_us: int
    blob: Blob

    @property
    def download_name(self) -> str:
        """A file name for whoever saves it."""
        return self.origin.filename or f"{self.id}{self.blob.content_type.extension}"


def blob_key(owner: str, sha256: str, life: str) -> str:
    """The S3 key of one life of some content: always two segments, so no key is a prefix of another.

    Owners are escaped without loss (`a.b` is `a_2eb`): no owner reaches another's folder, and `..` is none.
    """
    folder = "".join(c if _PLAIN.fullmatch(c) else "".join(f"_{b:02x}" for b in c.encode()) for c in owner)
    return f"{folder}/{sha256}-{life}"


def clean_filename(name: str) -> str:
    """The name without folders and control characters, normalised; possibly empty."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    shown = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip()
    return "" if shown in (".", "..") else shown[:MAX_FILENAME]
