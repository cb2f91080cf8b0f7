"""JWTs signed with Ed25519 (RFC 8037), through joserfc."""

from __future__ import annotations

from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.errors import UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry

from atelier_auth.domain.ports import Signable
from atelier_auth.domain.signing_key import SigningKey

_ALGORITHM = "EdDSA"


class _EdDsaOnly(JWSRegistry):
    """Knows one algorithm.

    joserfc's own registry warns at every signature that RFC 9864 renames EdDSA to Ed25519. Envoy's jwt_authn knows the
    old name, so that is the one on the wire.
    """

    def get_alg(self, name: str) -> JWSAlgModel:
        """The algorithm of this name."""
        if name != _ALGORITHM:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


@lru_cache(maxsize=16)
def _okp(seed: bytes) -> OKPKey:
    return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(seed))


class Ed25519Signer:
    """The Signer port."""

    def __init__(self) -> None:
        self._registry = _EdDsaOnly(algorithms=[_ALGORITHM])

    def new_key(self, generation: int, now_us: int) -> SigningKey:
        """A new random pair; its id is the RFC 7638 thumbprint."""
        seed = Ed25519PrivateKey.generate().private_bytes_raw()
        return SigningKey(generation=generation, kid=_okp(seed).thumbprint(), private=seed, create_us=now_us)

    def sign(self, claims: Signable, key: SigningKey) -> str:
        """The JWT in compact form."""
        header = {"alg": _ALGORITHM, "kid": key.kid}
        return jwt.encode(header, claims.to_json(), _okp(key.private), registry=self._registry)

    def public_x(self, key: SigningKey) -> str:
        """RFC 8037's `x`."""
        return str(_okp(key.private).as_dict(private=False)["x"])
