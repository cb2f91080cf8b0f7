"""Secrets of one mesh, made at its first start and kept in its state folder."""

import json
import os
import secrets
import string
from dataclasses import asdict, dataclass
from pathlib import Path

from atelier_service.configuration import ConfigurationError

_ALPHABET = string.ascii_letters + string.digits
_LOWER = string.ascii_lowercase + string.digits


def _random(length: int, alphabet: str = _ALPHABET) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


@dataclass(frozen=True, slots=True)
class Secrets:
    """The development API key, the services' shared secret, and the S3 server's credentials."""

    api_key: str
    service_secret: str
    s3_access_key: str
    s3_secret_key: str

    @classmethod
    def load_or_make(cls, path: Path) -> "Secrets":
        """Those kept at `path`, or new ones, readable by their owner only. Raises ConfigurationError, OSError."""
        if path.exists():
            try:
                return cls(**json.loads(path.read_text()))
            except (ValueError, TypeError):  # what is wrong may show a secret
                raise ConfigurationError(
                    f"{path} does not hold the secrets of a mesh; without it, new ones are made"
                ) from None
        made = cls(f"atl_{_random(12, _LOWER)}_{_random(43)}", _random(43), _random(20), _random(40))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(made), file)
        return made
