"""Asset: a stored file with an owner, and the blob that it may share with other assets of that owner."""

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
    """Bytes on S3, and what is derived from them. An owner has at most one blob of the same content.

    `key` is never reused: content that was deleted and is stored again gets another key, so that a deletion in progress
    cannot remove the new bytes.
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
    """Where an asset comes from: its owner, and the claim that stored it.

    `job_id`, `epoch` and `write_once_key` are set only by the services of the mesh; empty or 0 for an upload of a user.
    """

    owner: str
    filename: str = ""
    job_id: str = ""
    epoch: int = 0
    write_once_key: str = ""

    @property
    def source(self) -> Source:
        """JOB for an asset with a job, otherwise UPLOAD."""
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
        """The file name for downloads: that of the upload, or the id with the usual extension."""
        return self.origin.filename or f"{self.id}{self.blob.content_type.extension}"


def blob_key(owner: str, sha256: str, life: str) -> str:
    """Returns an S3 key of two segments, so that no key is a prefix of another.

    Owners are escaped without loss (`a.b` is `a_2eb`): two owners never share a folder, and `..` cannot occur.

    Args:
        owner: The owner of the blob.
        sha256: The digest of its content, hex.
        life: A random text, so that content stored again gets another key.
    """
    folder = "".join(c if _PLAIN.fullmatch(c) else "".join(f"_{b:02x}" for b in c.encode()) for c in owner)
    return f"{folder}/{sha256}-{life}"


def clean_filename(name: str) -> str:
    """Returns `name` without folders and control characters, as NFC, at most MAX_FILENAME characters; may be empty."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    shown = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip()
    return "" if shown in (".", "..") else shown[:MAX_FILENAME]
