"""JWTs of the customer's identity provider: signature by JWKS, issuer, audience, expiry."""

from __future__ import annotations

from typing import Any

import jwt

from campaign_automation.settings import Settings, SettingsError
from campaign_automation.utils.observability import logger

_ALGORITHMS = ["RS256", "ES256"]
_CLOCK_SKEW_SECONDS = 30
_KEYS_SECONDS = 3600


class TokenVerifier:
    """The provider's keys are fetched once and kept for an hour; an unknown key id fetches them anew."""

    def __init__(self, keys: Any, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    @classmethod
    def from_settings(cls, settings: Settings) -> TokenVerifier:
        if not (settings.jwks_url and settings.jwt_issuer and settings.jwt_audience):
            raise SettingsError("settings: JWKS_URL, JWT_ISSUER and JWT_AUDIENCE are required")
        keys = jwt.PyJWKClient(settings.jwks_url, lifespan=_KEYS_SECONDS, timeout=5)
        return cls(keys, settings.jwt_issuer, settings.jwt_audience)

    def tenant_of(self, authorization: str) -> str | None:
        """The `sub` of a valid `Bearer` token, or None. Why a token was refused is logged, never answered."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = jwt.decode(
                token,
                self._keys.get_signing_key_from_jwt(token).key,
                algorithms=_ALGORITHMS,
                issuer=self._issuer,
                audience=self._audience,
                leeway=_CLOCK_SKEW_SECONDS,
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            logger.info("token refused", reason=type(error).__name__)
            return None
        return str(claims["sub"]) or None


def policy(tenant: str, method_arn: str) -> dict[str, Any]:
    """Allows the whole stage: API Gateway caches the policy, so it must not name the one route asked."""
    api, stage = method_arn.split("/")[:2]
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{api}/{stage}/*"}
    return {"principalId": tenant, "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
