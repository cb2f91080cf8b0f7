"""The gRPC server that every service of the mesh runs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

import grpc.aio
import structlog

from atelier_service.channel import MAX_MESSAGE_BYTES
from atelier_service.health import Health
from atelier_service.identity import TokenVerifier
from atelier_service.interceptors.credential_end import CredentialEndInterceptor
from atelier_service.interceptors.decoding import DecodingInterceptor
from atelier_service.interceptors.encoded import EncodedInterceptor
from atelier_service.interceptors.failures import FailuresInterceptor
from atelier_service.interceptors.identity import IdentityInterceptor
from atelier_service.interceptors.metrics import MetricsInterceptor
from atelier_service.interceptors.signed_url import SignedUrlInterceptor
from atelier_service.interceptors.tracing import TracingInterceptor
from atelier_service.interceptors.validation import ValidationInterceptor
from atelier_service.revoked_keys import RevokedKeys
from atelier_service.settings import ServiceSettings

_log = structlog.get_logger(__name__)

_OPTIONS = [
    # gRPC refuses metadata between the two limits at random. The gateway lets 16 KiB through (headers.lua), sends the
    # path of a REST call a second time, and adds a token.
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.absolute_max_metadata_size", 128 * 1024),
    # Otherwise a second server on the same port would start, and get some of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
]


def server_options(max_message_bytes: int) -> list[tuple[str, int]]:
    """Returns the options of a server whose messages have at most `max_message_bytes` bytes."""
    return [
        *_OPTIONS,
        # The runtime's own limit: DecodingInterceptor refuses messages between the two limits, with a reason.
        ("grpc.max_receive_message_length", 2 * max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
    ]


SERVER_OPTIONS = server_options(MAX_MESSAGE_BYTES)


class RunningServer:
    """A server that accepts calls at `address`; `health` is its reported status."""

    def __init__(self, address: str, port: int, health: Health) -> None:
        self.address = address
        self.port = port
        self.health = health


@asynccontextmanager
async def run_server(
    settings: ServiceSettings,
    *,
    register: Callable[[grpc.aio.Server], None],
    verifier: TokenVerifier,
    public: Collection[str] = (),
    revoked: RevokedKeys | None = None,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
) -> AsyncIterator[RunningServer]:
    """Runs a server while the context is open; its health is SERVING.

    At the end the health becomes NOT_SERVING, `drain_s` seconds pass in which load balancers notice that, and running
    calls get `shutdown_grace_s` seconds to end.

    Args:
        settings: Address, and the two times above.
        register: Adds the servicers to the server.
        verifier: Verifies the tokens of callers.
        public: Methods of third-party contracts that need no token.
        revoked: The revoked keys, for services that users call; the caller runs `RevokedKeys.run`.
        max_message_bytes: Larger messages are refused, in both directions.

    Raises:
        OSError: The port is in use.
    """
    known = revoked or RevokedKeys()
    server = grpc.aio.server(
        options=server_options(max_message_bytes),
        interceptors=[
            TracingInterceptor(),  # outermost: the span sees the status that the caller sees
            MetricsInterceptor(),  # likewise
            FailuresInterceptor(),  # maps what everything below raises
            IdentityInterceptor(verifier, known, public),  # no handler is called without a principal and the scope
            CredentialEndInterceptor(known),  # streams end with their credential
            DecodingInterceptor(max_message_bytes),  # malformed bytes are an error like every other
            SignedUrlInterceptor(),  # a signed URL permits the resource that it was made for
            ValidationInterceptor(),  # the handler sees only what the contract allows
            EncodedInterceptor(),  # around no call: it changes how responses are encoded
        ],
    )
    health = Health(server)
    register(server)
    host = settings.listen.rpartition(":")[0]
    try:
        port = server.add_insecure_port(settings.listen)
    except RuntimeError as error:
        raise OSError(f"{settings.listen} cannot be bound: is the port in use? ATELIER_LISTEN changes it") from error
    await server.start()
    await health.set_serving(True)
    _log.info("serving", address=f"{host}:{port}")
    try:
        yield RunningServer(f"{host}:{port}", port, health)
    finally:
        await health.set_serving(False)
        await asyncio.sleep(settings.drain_s)
        await server.stop(settings.shutdown_grace_s)
        _log.info("stopped")
