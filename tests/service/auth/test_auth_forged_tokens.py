"""Tokens that are not ours, or no longer, or not meant for us: all get the same answer."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.service.auth.running_auth import RunningAuth, auth_settings, bearer, new_dev_key, reason_of, running_auth

from atelier.auth.v1 import auth_pb2
from atelier_auth.adapters.seal import Seal
from atelier_auth.adapters.sql_signing_key_store import SqlSigningKeyStore
from atelier_service.clock import FakeClock
from atelier_service.database import create_engine


def encode(value: bytes | dict[str, Any]) -> str:
    """base64url without padding, as JWTs have it."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(part: str) -> bytes:
    """The inverse."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Forger:
    """Has a good token, the public key, and a key of its own."""

    def __init__(self, token: str, public: auth_pb2.JsonWebKey) -> None:
        self.token = token
        self.head, self.body, self.signature = token.split(".")
        self.header: dict[str, Any] = json.loads(decode(self.head))
        self.claims: dict[str, Any] = json.loads(decode(self.body))
        self.public = public
        self.key = Ed25519PrivateKey.generate()

    def signed(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        """Signed with the forger's own key."""
        text = f"{encode(header)}.{encode(claims)}"
        return f"{text}.{encode(self.key.sign(text.encode()))}"

    def hs256(self, secret: bytes) -> str:
        """Signed with a public value as if it were a shared secret."""
        text = f"{encode({**self.header, 'alg': 'HS256'})}.{self.body}"
        return f"{text}.{encode(hmac.digest(secret, text.encode(), hashlib.sha256))}"


FORGERIES: dict[str, Callable[[Forger], str]] = {
    "another key under our id": lambda f: f.signed(f.header, f.claims),
    "another key under its own id": lambda f: f.signed({**f.header, "kid": "mine"}, f.claims),
    "another key in the header": lambda f: f.signed(
        {**f.header, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": encode(f.key.public_key().public_bytes_raw())}},
        f.claims,
    ),
    "no key id": lambda f: f.signed({"alg": "EdDSA"}, f.claims),
    "alg none": lambda f: f"{encode({**f.header, 'alg': 'none'})}.{f.body}.",
    "alg NONE with the old signature": lambda f: f"{encode({**f.header, 'alg': 'NONE'})}.{f.body}.{f.signature}",
    "HS256 with the public key": lambda f: f.hs256(decode(f.public.x)),
    "HS256 with the public key as text": lambda f: f.hs256(f.public.x.encode()),
    "HS256 with no secret": lambda f: f.hs256(b""),
    "another body under the signature": lambda f: f"{f.head}.{encode({**f.claims, 'sub': 'root'})}.{f.signature}",
    "no signature": lambda f: f"{f.head}.{f.body}.",
    "half a signature": lambda f: f.token[:-43],
    "two parts": lambda f: f"{f.head}.{f.body}",
    "nothing but dots": lambda _: "..",
    "no JWT": lambda _: "hunter2",
    "an API key": lambda _: new_dev_key(),
    "a huge header": lambda f: f.signed({**f.header, "x": "y" * 3_000}, f.claims),
    "deep JSON": lambda f: f"{encode(b'[' * 900)}.{f.body}.{f.signature}",
    "an array for a header": lambda f: f"{encode(b'[1]')}.{f.body}.{f.signature}",
    "a critical extension": lambda f: f.signed({**f.header, "crit": ["x"], "x": 1}, f.claims),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_token_is_refused(auth: RunningAuth, forgery: str) -> None:
    public = (await auth.auth.GetJwks(auth_pb2.GetJwksRequest())).keys[0]
    token = FORGERIES[forgery](Forger(await auth.token(), public))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=bearer(token))
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert reason_of(raised.value) == "UNAUTHENTICATED"
    assert raised.value.details() == "a valid API key or token is needed"


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", ""),),
        (("authorization", "Bearer"),),
        (("authorization", "Basic ZGV2OmRldg=="),),
        (("x-atelier-subject", "dev"),),
        (("x-api-key", "atl_0000000000000000_" + "x" * 43),),
    ],
)
async def test_without_a_token_plain_headers_do_not_authenticate(
    auth: RunningAuth, metadata: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=metadata)
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_an_expired_token_is_refused(tmp_path: Path) -> None:
    six_minutes_ago = FakeClock((int(time.time()) - 360) * 1_000_000)
    async with running_auth(auth_settings(tmp_path, new_dev_key()), six_minutes_ago) as auth:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=await auth.as_dev())
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


OUR_OWN_BUT_WRONG: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "another audience": lambda claims: {**claims, "aud": ["elsewhere"]},
    "no audience": lambda claims: {name: value for name, value in claims.items() if name != "aud"},
    "another issuer": lambda claims: {**claims, "iss": "elsewhere"},
    "no end": lambda claims: {name: value for name, value in claims.items() if name != "exp"},
    "an end that has passed": lambda claims: {**claims, "exp": int(time.time()) - 60},
    "no subject": lambda claims: {name: value for name, value in claims.items() if name != "sub"},
    "not yet": lambda claims: {**claims, "nbf": int(time.time()) + 3_600},
}


@pytest.mark.parametrize("wrong", OUR_OWN_BUT_WRONG)
async def test_a_token_of_our_own_key_with_wrong_claims_is_refused(
    auth: RunningAuth, tmp_path: Path, wrong: str
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'auth.db'}")
    (stored,) = await SqlSigningKeyStore(engine, Seal()).signing_keys()
    await engine.dispose()
    forger = Forger(await auth.token(), auth_pb2.JsonWebKey())
    forger.key = Ed25519PrivateKey.from_private_bytes(stored.private)
    good = forger.signed(forger.header, forger.claims)
    await auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=bearer(good))
    bad = forger.signed(forger.header, OUR_OWN_BUT_WRONG[wrong](forger.claims))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=bearer(bad))
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert reason_of(raised.value) == "UNAUTHENTICATED"


async def test_another_mesh_is_another_world(auth: RunningAuth, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = auth_settings(tmp_path_factory.mktemp("other"), new_dev_key())
    async with running_auth(settings) as other:
        foreign = await other.as_dev()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=foreign)
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
