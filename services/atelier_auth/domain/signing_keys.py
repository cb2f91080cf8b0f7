"""The signing keys of a running process: read when needed, rotated when old."""

from __future__ import annotations

import structlog

from atelier_auth.domain.ports import Signer, SigningKeyStore
from atelier_auth.domain.signing_key import KeyRing, RotationPolicy
from atelier_service.clock import Clock
from atelier_service.errors import UnavailableError

logger = structlog.get_logger(__name__)


class SigningKeys:
    """Reads the key ring, and rotates it.

    The ring is read again, on use, after `refresh_s`, so that every replica has a new key long before that key signs
    (`publish_ahead_s`). A replica that reads a ring whose newest key is too old adds the next key.
    """

    def __init__(
        self,
        store: SigningKeyStore,
        signer: Signer,
        clock: Clock,
        policy: RotationPolicy,
        *,
        refresh_s: float = 60.0,
    ) -> None:
        self._store = store
        self._signer = signer
        self._clock = clock
        self._policy = policy
        self._refresh_us = int(refresh_s * 1_000_000)
        self._ring: KeyRing | None = None
        self._read_us = 0

    async def ring(self) -> KeyRing:
        """Returns the ring, which is never empty.

        While the database is unavailable the ring read last is used, since verifiers need the key set.

        Raises:
            UnavailableError: The ring was never read, and the database is unavailable.
        """
        now_us = self._clock.now_us()
        if self._ring is not None and now_us < self._read_us + self._refresh_us:
            return self._ring
        try:
            ring = await self._read(now_us)
        except UnavailableError as error:
            if self._ring is None:
                raise
            logger.warning("signing keys not read again, the known ones stay", reason=error.reason)
            ring = self._ring
        self._ring, self._read_us = ring, now_us
        return ring

    async def _read(self, now_us: int) -> KeyRing:
        ring = KeyRing.of(await self._store.signing_keys(), self._policy)
        while ring.needs_successor(now_us):
            key = self._signer.new_key(ring.next_generation, now_us)
            if await self._store.add_signing_key(key):
                logger.info("new signing key", kid=key.kid, generation=key.generation)
            ring = KeyRing.of(await self._store.signing_keys(), self._policy)
        return ring
