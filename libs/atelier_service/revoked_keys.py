"""Revoked keys, as `auth` streams them: one stream for each process, however many calls depend on it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
import grpc.aio
import structlog
from google.protobuf.timestamp_pb2 import Timestamp

from atelier.auth.v1 import auth_pb2, auth_pb2_grpc
from atelier_service.channel import open_channel

_log = structlog.get_logger(__name__)

_TRY_AGAIN_S = 0.5
# The stream is broken when three messages in a row, which are 5 s apart, are missing.
_SILENCE_S = 15.0

Callback = Callable[[], None]


class RevokedKeys:
    """The set of revoked keys, with callbacks for calls that depend on a key.

    While `auth` is unavailable, revocations are not received. Calls made with a key continue for `grace_s` seconds, as
    long as a token is valid; then `is_confirmed` is False and every callback is called.
    """

    def __init__(self, *, grace_s: float = 300.0) -> None:
        self._grace_s = grace_s
        self._ids: set[str] = set()
        self._holders: defaultdict[str, set[Callback]] = defaultdict(set)
        self._until: Timestamp | None = None
        self._heard_s = float("inf")  # keys count as confirmed before `run` begins

    def is_revoked(self, key_id: str) -> bool:
        """Whether this key is known to be revoked."""
        return key_id in self._ids

    @property
    def is_confirmed(self) -> bool:
        """Whether the last message of `auth` is at most `grace_s` seconds old."""
        return asyncio.get_running_loop().time() - self._heard_s <= self._grace_s

    @contextmanager
    def holding(self, key_id: str, callback: Callback) -> Iterator[None]:
        """While the context is open, `callback` is called when the key is revoked or no longer confirmed."""
        self._holders[key_id].add(callback)
        try:
            yield
        finally:
            self._holders[key_id].discard(callback)
            if not self._holders[key_id]:
                del self._holders[key_id]

    async def run(self, auth_address: str) -> None:
        """Reads the stream of `auth` at `auth_address` (host:port) until it is cancelled; reconnects when it breaks."""
        loop = asyncio.get_running_loop()
        self._heard_s = loop.time()
        async with open_channel(auth_address, token=_no_token) as channel:
            stub = auth_pb2_grpc.AuthServiceStub(channel)
            while True:
                try:
                    await self._listen(stub)
                except (grpc.aio.AioRpcError, TimeoutError) as error:
                    reason = error.code().name if isinstance(error, grpc.aio.AioRpcError) else "silent"
                    _log.debug("the stream of revoked keys is unavailable", reason=reason)
                if not self.is_confirmed:
                    self._notify(frozenset(self._holders))
                await asyncio.sleep(_TRY_AGAIN_S)

    async def _listen(self, stub: auth_pb2_grpc.AuthServiceStub) -> None:
        call = stub.WatchRevokedKeys(auth_pb2.WatchRevokedKeysRequest(since=self._until))
        try:
            while True:
                async with asyncio.timeout(_SILENCE_S):
                    message = await call.read()
                if not isinstance(message, auth_pb2.RevokedKeys):
                    return  # end of the stream: auth is stopping
                self._hear(message)
        finally:
            call.cancel()

    def _hear(self, message: auth_pb2.RevokedKeys) -> None:
        self._heard_s = asyncio.get_running_loop().time()
        self._until = message.until
        added = frozenset(message.ids) - self._ids
        self._ids |= added
        self._notify(added)

    def _notify(self, key_ids: frozenset[str]) -> None:
        for key_id in key_ids:
            for callback in list(self._holders.get(key_id, ())):
                callback()


async def _no_token() -> str:
    return ""
