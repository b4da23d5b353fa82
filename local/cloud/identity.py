"""The local identity provider: one key pair per run, tokens for the demo's users."""

from __future__ import annotations

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

KEY_ID = "local"
LIFETIME_SECONDS = 30 * 24 * 3600


class Identity:
    """Mints and publishes what a Lambda authorizer needs to verify."""

    def __init__(self, issuer: str, audience: str) -> None:
        self.issuer = issuer
        self._audience = audience
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def token(self, user_id: str, lifetime_seconds: float = LIFETIME_SECONDS, **more: Any) -> str:
        """A signed JWT whose `sub` is the user; a negative lifetime gives one that has expired."""
        now = int(time.time())
        claims = {
            **more,
            "iss": self.issuer,
            "aud": self._audience,
            "sub": user_id,
            "iat": now,
            "exp": int(now + lifetime_seconds),
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": KEY_ID})

    def jwks(self) -> dict[str, Any]:
        """The public key as a JSON Web Key Set."""
        key = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]}
