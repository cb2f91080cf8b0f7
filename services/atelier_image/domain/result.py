"""What a finished image is made of."""

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One picture in storage. `seed` is its own: with count 1 it makes this picture alone."""

    index: int
    seed: int
    asset_id: str
    content_type: str
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """The job and its epoch under which the files are stored: another job's, when the result came from the cache."""

    job_id: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The pictures of one image, and what made them."""

    model_revision: str
    source: Source
    outputs: tuple[Output, ...]

    def to_bytes(self) -> bytes:
        """As the job keeps it: JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Result":
        """What `to_bytes` wrote."""
        fields: dict[str, Any] = json.loads(data)
        return cls(
            model_revision=fields["model_revision"],
            source=Source(**fields["source"]),
            outputs=tuple(Output(**output) for output in fields["outputs"]),
        )
