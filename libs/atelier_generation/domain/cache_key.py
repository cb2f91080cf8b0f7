"""When two requests make the same files."""

import hashlib
import json
from dataclasses import dataclass

from atelier_generation.domain.parameters import DrawingParameters


@dataclass(frozen=True, slots=True)
class Engine:
    """What draws: the revision of the weights, and everything else that changes pixels (libraries, device, dtype)."""

    model_revision: str
    fingerprint: str


def cache_key(parameters: DrawingParameters, engine: Engine) -> str:
    """SHA-256, hex, over all that the bytes of the files depend on. The caller's labels are no part of it."""
    values = {"parameters": parameters.drawn(), "revision": engine.model_revision, "engine": engine.fingerprint}
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
