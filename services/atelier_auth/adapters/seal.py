"""Signing keys at rest: sealed with a secret, or plain in a file that only its owner reads."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from atelier_service.errors import FailedPreconditionError

_PLAIN = b"\x00"
_AES_GCM = b"\x01"
_NONCE_BYTES = 12


class Seal:
    """AES-256-GCM under a key derived from `secret` (random, at least 32 characters); an empty secret seals nothing.

    Plain keys are still read after a secret was set, so that one can be introduced; the next rotation seals.
    """

    def __init__(self, secret: str = "") -> None:
        self._cipher = AESGCM(_derive(secret)) if secret else None

    def close(self, kid: str, private: bytes) -> bytes:
        """What is stored of a private key; bound to its id, so that rows cannot be swapped."""
        if self._cipher is None:
            return _PLAIN + private
        nonce = os.urandom(_NONCE_BYTES)
        return _AES_GCM + nonce + self._cipher.encrypt(nonce, private, kid.encode())

    def open(self, kid: str, stored: bytes) -> bytes:
        """The private key. Raises FailedPreconditionError where the secret is missing or another one."""
        form, rest = stored[:1], stored[1:]
        if form == _PLAIN:
            return rest
        if self._cipher is not None:
            try:
                return self._cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], kid.encode())
            except InvalidTag:
                pass  # raised below, like a missing secret
        raise FailedPreconditionError(
            "SIGNING_KEY_SEALED", "the stored signing keys need the ATELIER_SIGNING_KEY_SECRET that sealed them"
        )


def _derive(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"atelier-auth signing keys").derive(secret.encode())
