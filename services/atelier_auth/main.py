"""The process atelier-auth: everything is put together here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc.aio

from atelier.auth.v1 import auth_pb2_grpc
from atelier_auth.adapters.ed25519_signer import Ed25519Signer
from atelier_auth.adapters.key_database import database
from atelier_auth.adapters.seal import Seal
from atelier_auth.adapters.sql_key_store import SqlKeyStore
from atelier_auth.adapters.sql_signing_key_store import SqlSigningKeyStore
from atelier_auth.adapters.tables import SCHEMAS
from atelier_auth.api.ext_authz import ExtAuthz
from atelier_auth.api.servicer import AuthServicer
from atelier_auth.domain.api_key import KeyText
from atelier_auth.domain.api_keys import ApiKeys
from atelier_auth.domain.key_cache import KeyCache
from atelier_auth.domain.key_exchange import KeyExchange
from atelier_auth.domain.key_set import KeySet
from atelier_auth.domain.last_use import LastUse
from atelier_auth.domain.mesh_tokens import MeshTokens
from atelier_auth.domain.revocations import Revocations
from atelier_auth.domain.service_secrets import ServiceSecrets
from atelier_auth.domain.signed_urls import LONGEST_S, SignedUrls
from atelier_auth.domain.signing_key import RotationPolicy
from atelier_auth.domain.signing_keys import SigningKeys
from atelier_auth.domain.token_issuer import TokenIssuer
from atelier_auth.settings import AuthSettings
from atelier_envoy_api.service.auth.v3 import external_auth_pb2_grpc
from atelier_service.clock import Clock, SystemClock
from atelier_service.database import create_engine
from atelier_service.identity import TokenVerifier
from atelier_service.migrations.schema import check_schemas
from atelier_service.private_file import make_private
from atelier_service.process import background
from atelier_service.server import RunningServer, run_server
from atelier_service.service import read_settings, run_service

SERVICE = "atelier-auth"

# The gateway has no token.
PUBLIC = ("/envoy.service.auth.v3.Authorization/Check",)


@asynccontextmanager
async def serve(settings: AuthSettings, clock: Clock | None = None) -> AsyncIterator[RunningServer]:
    """The whole service while the context is open.

    Raises:
        UnavailableError: No database.
        FailedPreconditionError: The bootstrap key's id is taken, the signing keys are sealed.
        OSError: The port is taken.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        make_private(settings.database_url)
        engine = create_engine(settings.database_url)
        stack.push_async_callback(engine.dispose)
        async with database():
            await check_schemas(engine, SCHEMAS)
        store = SqlKeyStore(engine)

        signer = Ed25519Signer()
        policy = RotationPolicy(
            max_age_s=settings.signing_key_max_age_s,
            publish_ahead_s=settings.signing_key_publish_ahead_s,
            token_lifetime_s=LONGEST_S,
        )
        seal = Seal(settings.signing_key_secret.get_secret_value())
        signing_keys = SigningKeys(SqlSigningKeyStore(engine, seal), signer, clock, policy)
        key_set = KeySet(signing_keys, signer, clock)
        issuer = TokenIssuer(signing_keys, signer, clock, lifetime_s=settings.token_lifetime_s)
        await signing_keys.ring()  # the first key is made before the first request, and a wrong seal fails the start

        last_use = LastUse(store, clock, collect_s=settings.last_use_collect_s)
        exchange = KeyExchange(
            store,
            issuer,
            clock,
            KeyCache(settings.key_cache_size),
            last_use,
            recheck_s=settings.key_recheck_s,
            reserve_s=settings.token_reserve_s,
        )
        revocations = Revocations(
            store,
            clock,
            forget=exchange.forget,
            every_s=settings.revocation_check_s,
            keep_s=LONGEST_S,
        )
        keys = ApiKeys(store, exchange, clock, revoked=revocations.look)
        if settings.bootstrap_api_key is not None:
            text = KeyText.parse(settings.bootstrap_api_key.get_secret_value())
            assert text is not None  # the settings have checked it
            await keys.ensure(text, user_id=settings.bootstrap_user, display_name="development key")
        own = {name: secret.get_secret_value() for name, secret in settings.service_secrets.items()}
        urls = SignedUrls(signing_keys, signer, clock, lifetime_s=settings.signed_url_lifetime_s)
        mesh = MeshTokens(
            store,
            issuer,
            ServiceSecrets(own, settings.service_secret.get_secret_value()),
            job_services=settings.job_services,
            worker_services=settings.worker_services,
        )

        def register(server: grpc.aio.Server) -> None:
            auth_pb2_grpc.add_AuthServiceServicer_to_server(
                AuthServicer(keys, issuer, mesh, key_set, revocations, urls), server
            )
            external_auth_pb2_grpc.add_AuthorizationServicer_to_server(ExtAuthz(exchange), server)

        stack.push_async_callback(last_use.flush)  # after the last call has ended
        await stack.enter_async_context(background(last_use.run(), revocations.run()))
        verifier = TokenVerifier(key_set.jwks)
        yield await stack.enter_async_context(run_server(settings, register=register, verifier=verifier, public=PUBLIC))


def main() -> None:
    """Entry point of `atelier-auth`."""
    settings = read_settings(AuthSettings, SERVICE)
    run_service(settings, SERVICE, lambda: serve(settings))


if __name__ == "__main__":
    main()
