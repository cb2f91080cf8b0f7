"""Result of a drawing job, and the key under which the content cache finds it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from atelier_artifacts.domain.stored_files import Producer, StoredFile
from atelier_diffusion.policy.prompt_tokens import PromptTokens, TokenCount
from atelier_diffusion.policy.request import DrawingRequest
from atelier_drawing.domain.parameters import DrawingParameters
from atelier_models.domain.model_view import EngineVersion

OutputT = TypeVar("OutputT", bound=StoredFile)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Generic[OutputT]):
    """The result of one job.

    Attributes:
        model_revision: Revision of the weights; empty in a partial result.
        source: The producer of the files.
        outputs: The files.
        tokens: Token counts of the prompts; None where they are unknown.
    """

    model_revision: str
    source: Producer
    outputs: tuple[OutputT, ...]
    tokens: PromptTokens | None = None

    def to_bytes(self) -> bytes:
        """Encodes the result as JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True).encode()


def result_from(data: bytes, output: type[OutputT]) -> Result[OutputT]:
    """Decodes what `Result.to_bytes` encoded, with outputs of the class `output`."""
    fields: dict[str, Any] = json.loads(data)
    return Result(
        model_revision=fields["model_revision"],
        source=Producer(**fields["source"]),
        outputs=tuple(output(**values) for values in fields["outputs"]),
        tokens=_tokens(fields.get("tokens")),
    )


def _tokens(fields: dict[str, Any] | None) -> PromptTokens | None:
    if fields is None:
        return None
    negative = fields["negative_prompt"]
    return PromptTokens(TokenCount(**fields["prompt"]), None if negative is None else TokenCount(**negative))


def cache_key(parameters: DrawingParameters[DrawingRequest], engine: EngineVersion) -> str:
    """Returns the SHA-256, in hex, of everything that the bytes of the files depend on."""
    values = {"parameters": parameters.drawn(), "revision": engine.model_revision, "engine": engine.fingerprint}
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
