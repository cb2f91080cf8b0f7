"""Service secrets: the secrets by which the services of the mesh authenticate."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")


class ServiceSecrets:
    """A secret for each service, or a shared one. A service with a secret of its own cannot use the shared one."""

    def __init__(self, own: Mapping[str, str], shared: str = "") -> None:
        self._own = {name: _digest(secret) for name, secret in own.items()}
        # With no shared secret an unknown name is compared with a value that nothing hashes to, in the same time.
        self._shared = _digest(shared) if shared else secrets.token_bytes(32)

    def accepts(self, service: str, secret: str) -> bool:
        """Returns whether `secret` is the secret of `service`; constant time in the secret."""
        expected = self._own.get(service, self._shared)
        equal = hmac.compare_digest(_digest(secret), expected)
        return equal and _NAME.fullmatch(service) is not None


def _digest(secret: str) -> bytes:
    # Equal lengths for compare_digest, which would otherwise leak a secret's length.
    return hashlib.sha256(secret.encode()).digest()
