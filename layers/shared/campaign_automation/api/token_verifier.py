"""The check of JWTs from the customer's identity provider: signature by JWKS, issuer, audience, expiry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jwt

from campaign_automation.models.common import Role
from campaign_automation.settings import Settings, SettingsError
from campaign_automation.utils.observability import logger

_ALGORITHMS = ["RS256", "ES256"]
_CLOCK_SKEW_SECONDS = 30
_KEYS_SECONDS = 3600
_USUAL_ROLES = frozenset({Role.VIEWER, Role.BUYER})


class Caller(NamedTuple):
    """A verified caller: the tenant whose data they may touch, the person, and their roles."""

    tenant: str
    person: str
    roles: frozenset[Role]
    web_platform_user: str | None = None


class Claims(NamedTuple):
    """The names of the claims that tell tenant, roles and the user on the Web Platform.

    Without a claim for roles everybody may read and buy; nobody operates the deployment unless the token says
    so.
    """

    tenant: str = "sub"
    roles: str | None = None
    web_platform_user: str = "sub"

    def caller(self, claims: Mapping[str, Any]) -> Caller | None:
        """Return the caller that the token's `claims` describe, or None when they name no tenant."""
        tenant = claims.get(self.tenant)
        if not isinstance(tenant, str | int) or not str(tenant):
            return None
        user = claims.get(self.web_platform_user) if self.web_platform_user != self.tenant else None
        return Caller(
            str(tenant), str(claims["sub"]), self._roles(claims), None if user is None else str(user)
        )

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[Role]:
        if self.roles is None:
            return _USUAL_ROLES
        listed = claims.get(self.roles, [])
        names = listed.split() if isinstance(listed, str) else listed if isinstance(listed, list) else []
        return frozenset(Role(name) for name in names if name in list(Role))


SUBJECT_ONLY = Claims()


class TokenVerifier:
    """The verifier. The provider's keys are kept for an hour; an unknown key id fetches them anew."""

    def __init__(self, keys: Any, issuer: str, audience: str, claims: Claims = SUBJECT_ONLY) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._claims = claims

    @classmethod
    def from_settings(cls, settings: Settings) -> TokenVerifier:
        if not (settings.jwks_url and settings.jwt_issuer and settings.jwt_audience):
            raise SettingsError("settings: JWKS_URL, JWT_ISSUER and JWT_AUDIENCE are required")
        keys = jwt.PyJWKClient(settings.jwks_url, lifespan=_KEYS_SECONDS, timeout=5)
        claims = Claims(
            settings.jwt_tenant_claim, settings.jwt_roles_claim, settings.jwt_web_platform_user_claim
        )
        return cls(keys, settings.jwt_issuer, settings.jwt_audience, claims)

    def caller(self, authorization: str) -> Caller | None:
        """Return the caller of a valid `Bearer` token, or None; the reason of a refusal is only logged."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = jwt.decode(
                token,
                self._keys.get_signing_key_from_jwt(token).key,
                # Asymmetric ones only: with HS256 the public key itself would sign tokens.
                algorithms=_ALGORITHMS,
                issuer=self._issuer,
                audience=self._audience,
                leeway=_CLOCK_SKEW_SECONDS,
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            logger.info("token refused", reason=type(error).__name__)
            return None
        return self._claims.caller(claims)


def policy(caller: Caller, method_arn: str) -> dict[str, Any]:
    """Return the policy that allows the whole stage: API Gateway caches it, so it must not name one route."""
    api, stage = method_arn.split("/")[:2]
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{api}/{stage}/*"}
    context = {"person": caller.person, "roles": " ".join(sorted(caller.roles))}
    if caller.web_platform_user is not None:
        context["web_platform_user"] = caller.web_platform_user
    return {
        "principalId": caller.tenant,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
    }
