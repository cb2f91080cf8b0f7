"""When two requests make the same files."""

import hashlib
import json

from atelier_diffusion.policy.request import DrawingRequest
from atelier_drawing.domain.parameters import DrawingParameters
from atelier_models.domain.model_view import Engine


def cache_key(parameters: DrawingParameters[DrawingRequest], engine: Engine) -> str:
    """SHA-256, hex, over all that the bytes of the files depend on. The caller's labels are no part of it."""
    values = {"parameters": parameters.drawn(), "revision": engine.model_revision, "engine": engine.fingerprint}
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
