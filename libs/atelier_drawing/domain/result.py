"""Result of a drawing job."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from atelier_artifacts.domain.stored_files import Source, StoredFile
from atelier_diffusion.policy.prompt_tokens import PromptTokens, TokenCount

OutputT = TypeVar("OutputT", bound=StoredFile)


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
