"""The caller that a token names, and every way in which a token can be wrong."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from campaign_automation.api.token_verifier import Caller, Claims, TokenVerifier, policy
from campaign_automation.models.common import Role

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Keys(jwt.PyJWKClient):
    """The provider's key set, counting how often it is fetched."""

    def __init__(self) -> None:
        super().__init__("https://issuer.example/keys", lifespan=3600)
        self.fetched = 0

    def fetch_data(self) -> Any:
        self.fetched += 1
        rsa_key = jwt.algorithms.RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True)
        ec_key = jwt.algorithms.ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True)
        data = {
            "keys": [
                {**rsa_key, "kid": "rsa", "use": "sig", "alg": "RS256"},
                {**ec_key, "kid": "ec", "use": "sig", "alg": "ES256"},
            ]
        }
        if self.jwk_set_cache is not None:
            self.jwk_set_cache.put(data)
        return data


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def verifier(keys: Keys) -> TokenVerifier:
    return TokenVerifier(keys, "https://issuer.example", "campaign-automation")


def tenant_of(verifier: TokenVerifier, authorization: str) -> str | None:
    caller = verifier.caller(authorization)
    return caller and caller.tenant


def token(algorithm: str = "RS256", key: Any = RSA_KEY, kid: str = "rsa", **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": "https://issuer.example",
        "aud": "campaign-automation",
        "sub": "user_123",
        "exp": now + 60,
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    return "Bearer " + jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})


@pytest.mark.parametrize(("algorithm", "key", "kid"), [("RS256", RSA_KEY, "rsa"), ("ES256", EC_KEY, "ec")])
def test_both_algorithms_name_the_tenant(verifier: TokenVerifier, algorithm: str, key: Any, kid: str) -> None:
    assert tenant_of(verifier, token(algorithm, key, kid)) == "user_123"


def test_the_keys_are_fetched_once(verifier: TokenVerifier, keys: Keys) -> None:
    for _ in range(5):
        assert tenant_of(verifier, token()) == "user_123"
    assert keys.fetched == 1


def test_clocks_may_differ_by_half_a_minute(verifier: TokenVerifier) -> None:
    now = int(time.time())
    assert tenant_of(verifier, token(exp=now - 20)) == "user_123"
    assert tenant_of(verifier, token(exp=now - 40)) is None
    assert tenant_of(verifier, token(nbf=now + 20)) == "user_123"
    assert tenant_of(verifier, token(nbf=now + 40)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-service"},
        {"iss": "https://somebody.example"},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"aud": None},
        {"iss": None},
    ],
)
def test_wrong_or_missing_claims_are_refused(verifier: TokenVerifier, changes: dict[str, Any]) -> None:
    assert tenant_of(verifier, token(**changes)) is None


def test_a_signature_of_somebody_else_is_refused(verifier: TokenVerifier) -> None:
    assert tenant_of(verifier, token(key=OTHER_KEY)) is None
    assert tenant_of(verifier, token(kid="unknown")) is None


def test_no_signature_and_a_public_key_used_as_a_secret_are_refused(verifier: TokenVerifier) -> None:
    unsigned = "Bearer " + jwt.encode({"sub": "user_123"}, None, algorithm="none", headers={"kid": "rsa"})
    assert tenant_of(verifier, unsigned) is None
    public = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert tenant_of(verifier, f"Bearer {signed_with(public)}") is None


def signed_with(secret: bytes) -> str:
    """A token signed with HMAC, as PyJWT itself refuses to make one from a public key."""
    import hashlib
    import hmac

    def part(value: Any) -> str:
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    claims = {"iss": "https://issuer.example", "aud": "campaign-automation", "sub": "user_123"}
    body = part({"alg": "HS256", "kid": "rsa"}) + "." + part({**claims, "exp": int(time.time()) + 60})
    return f"{body}.{part(hmac.new(secret, body.encode(), hashlib.sha256).digest())}"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic dXNlcjpwYXNz", "Bearer a.b.c"])
def test_what_is_no_token_is_refused(verifier: TokenVerifier, header: str) -> None:
    assert tenant_of(verifier, header) is None


def test_the_policy_covers_the_stage_and_nothing_else() -> None:
    arn = "arn:aws:execute-api:us-east-1:123456789012:api1/prod/GET/v1/campaigns/x"
    made = policy(Caller("tenant_1", "user_123", frozenset({Role.VIEWER, Role.BUYER})), arn)
    assert made["principalId"] == "tenant_1"
    statement = made["policyDocument"]["Statement"][0]
    assert statement["Resource"] == "arn:aws:execute-api:us-east-1:123456789012:api1/prod/*"
    assert made["context"] == {"person": "user_123", "roles": "buyer viewer"}
    numbered = policy(Caller("tenant_1", "user_123", frozenset(), "9"), arn)
    assert numbered["context"]["web_platform_user"] == "9"


USUAL = frozenset({Role.VIEWER, Role.BUYER})


@pytest.mark.parametrize(
    ("names", "claims", "caller"),
    [
        (Claims(), {}, Caller("user_123", "user_123", USUAL)),
        (Claims(), {"roles": "operator"}, Caller("user_123", "user_123", USUAL)),
        (Claims(roles="roles"), {"roles": "viewer operator"}, {Role.VIEWER, Role.OPERATOR}),
        (Claims(roles="roles"), {"roles": ["approver", "root"]}, {Role.APPROVER}),
        (Claims(roles="roles"), {}, set()),
        (Claims(roles="roles"), {"roles": {"operator": True}}, set()),
        (Claims(tenant="org"), {"org": "acme"}, Caller("acme", "user_123", USUAL, "user_123")),
        (Claims(tenant="org"), {"org": 7}, Caller("7", "user_123", USUAL, "user_123")),
        (Claims(web_platform_user="number"), {"number": 9}, Caller("user_123", "user_123", USUAL, "9")),
        (Claims(web_platform_user="number"), {}, Caller("user_123", "user_123", USUAL)),
        (Claims(tenant="org"), {}, None),
        (Claims(tenant="org"), {"org": ["acme"]}, None),
    ],
)
def test_tenant_and_roles_come_from_the_claims_that_the_settings_name(
    keys: Keys, names: Claims, claims: dict[str, Any], caller: Any
) -> None:
    verifier = TokenVerifier(keys, "https://issuer.example", "campaign-automation", names)
    found = verifier.caller(token(**claims))
    if isinstance(caller, set):
        caller = Caller("user_123", "user_123", frozenset(caller))
    assert found == caller
