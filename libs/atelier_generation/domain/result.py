"""What a finished job is made of."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from atelier_diffusion.policy.prompt_tokens import PromptTokens, TokenCount
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file in storage."""

    asset_id: str
    content_type: str
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str


OutputT = TypeVar("OutputT", bound=StoredFile)


@dataclass(frozen=True, slots=True)
class Source:
    """The job and its epoch under which the files are stored: another job's, when the result came from the cache."""

    job_id: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Generic[OutputT]):
    """The files of one job, and what made them."""

    model_revision: str
    source: Source
    outputs: tuple[OutputT, ...]
    tokens: PromptTokens | None = None

    def to_bytes(self) -> bytes:
        """As the job keeps it: JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True).encode()


def result_from(data: bytes, output: type[OutputT]) -> Result[OutputT]:
    """What `Result.to_bytes` wrote, with outputs of that class."""
    fields: dict[str, Any] = json.loads(data)
    return Result(
        model_revision=fields["model_revision"],
        source=Source(**fields["source"]),
        outputs=tuple(output(**values) for values in fields["outputs"]),
        tokens=_tokens(fields.get("tokens")),
    )


def _tokens(fields: dict[str, Any] | None) -> PromptTokens | None:
    if fields is None:
        return None
    negative = fields["negative_prompt"]
    return PromptTokens(TokenCount(**fields["prompt"]), None if negative is None else TokenCount(**negative))


def source_in(data: bytes) -> Source:
    """Where the files of a result are."""
    return Source(**json.loads(data)["source"])


def asset_ids_in(data: bytes) -> frozenset[str]:
    """The files of a result."""
    return frozenset(values["asset_id"] for values in json.loads(data)["outputs"])


def source_of(job: Job | None) -> Source | None:
    """Where the files of a finished job are; None for all other jobs."""
    if job is None or job.state is not State.SUCCEEDED or job.result is None:
        return None
    return source_in(job.result)
