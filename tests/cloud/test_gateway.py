"""The API as a client sees it: routes, authorizer, validation, gateway responses."""

from __future__ import annotations

import json
import time
from concurrent.futures import Future
from typing import Any

import httpx
import pytest
from werkzeug.test import Client

from local.cloud import Cloud
from local.cloud.api.authorizer import Authorizer, Authorizers, evaluate
from local.cloud.api.gateway import Gateway
from local.cloud.api.gateway_responses import GatewayError, GatewayResponses
from local.cloud.stack.intrinsics import TemplateError
from local.cloud.stack.resources import RestApi
from local.cloud.workers.worker import Outcome

METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:api/local/GET/v1/things/7"


def test_event_is_a_proxy_event_of_version_one(api: httpx.Client) -> None:
    response = api.get("/v1/things/a%20b?q=1&q=2&r=x", headers={"X-Trace": "t"})
    event = response.json()
    assert response.status_code == 201
    assert response.headers["X-Own"] == "yes"
    assert (event["resource"], event["path"]) == ("/v1/things/{thing_id}", "/v1/things/a b")
    assert event["pathParameters"] == {"thing_id": "a b"}
    assert event["queryStringParameters"] == {"q": "2", "r": "x"}
    assert event["multiValueQueryStringParameters"] == {"q": ["1", "2"], "r": ["x"]}
    assert event["headers"]["X-Trace"] == "t"
    assert event["multiValueHeaders"]["X-Trace"] == ["t"]
    assert event["body"] is None
    assert event["stageVariables"] is None


def test_request_context_names_the_caller_and_the_request(api: httpx.Client) -> None:
    response = api.get("/v1/things/7")
    context = response.json()["requestContext"]
    assert context["requestId"] == response.headers["x-amzn-RequestId"]
    assert context["authorizer"] == {
        "principalId": "user_123",
        "user_id": "user_123",
        "level": "3",
        "paid": "true",
    }
    assert (context["stage"], context["httpMethod"], context["resourcePath"]) == (
        "local",
        "GET",
        "/v1/things/{thing_id}",
    )
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["identity"]["userAgent"].startswith("python-httpx")


def test_bodies_arrive_as_text_or_base64(api: httpx.Client) -> None:
    text = api.post("/v1/things", json={"name": "Zoë"}).json()
    binary = api.post(
        "/v1/things", content=b"\xff\x00", headers={"Content-Type": "application/octet-stream"}
    ).json()
    assert json.loads(text["body"]) == {"name": "Zoë"}
    assert text["isBase64Encoded"] is False
    assert (binary["body"], binary["isBase64Encoded"]) == ("/wA=", True)


def test_greedy_path_takes_any_method_and_depth(api: httpx.Client) -> None:
    event = api.request("PATCH", "/v1/files/a/b/c.png").json()
    assert event["pathParameters"] == {"proxy": "a/b/c.png"}
    assert event["httpMethod"] == "PATCH"


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/nowhere"), ("PUT", "/v1/things/7"), ("GET", "/")])
def test_unknown_route_is_a_missing_authentication_token(api: httpx.Client, method: str, path: str) -> None:
    response = api.request(method, path)
    assert response.status_code == 403
    assert response.json() == {"message": "Missing Authentication Token"}
    assert response.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


def test_route_without_authorizer_is_open(anonymous: httpx.Client) -> None:
    response = anonymous.get("/v1/open")
    assert response.status_code == 201
    assert "authorizer" not in response.json()["requestContext"]


@pytest.mark.parametrize("header", [None, "Basic abc", "Bearer not-a-token"])
def test_without_a_good_token_the_customised_401_answers(anonymous: httpx.Client, header: str | None) -> None:
    response = anonymous.get("/v1/things/7", headers={"Authorization": header} if header else {})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json() == {
        "status": "error",
        "error": {"message": "Unauthorized", "request_id": response.headers["x-amzn-RequestId"]},
    }


def test_expired_token_is_refused(cloud: Cloud, anonymous: httpx.Client) -> None:
    token = cloud.token("user_123", lifetime_seconds=-60)
    assert anonymous.get("/v1/things/7", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_cached_authorization_outlives_the_token_until_its_time_is_up(
    cloud: Cloud, anonymous: httpx.Client
) -> None:
    def read(token: str) -> int:
        return anonymous.get("/v1/things/7", headers={"Authorization": f"Bearer {token}"}).status_code

    # On a busy machine a token may expire before its first use, or the answer before its second.
    for _ in range(50):
        token = cloud.token("user_789", lifetime_seconds=1)
        first = read(token)
        time.sleep(1.1)
        if (first, read(token)) == (201, 201):  # ReauthorizeEvery is 2 s
            break
    else:
        pytest.fail("no authorization outlived its token")
    deadline = time.monotonic() + 300
    while read(token) != 401:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_cached_policy_decides_for_every_method(cloud: Cloud, anonymous: httpx.Client) -> None:
    headers = {"Authorization": f"Bearer {cloud.token('user_readonly')}"}
    assert anonymous.get("/v1/things/7", headers=headers).status_code == 201
    refused = anonymous.delete("/v1/things/7", headers=headers)
    assert refused.status_code == 403
    assert refused.json() == {"message": "User is not authorized to access this resource"}


def test_explicit_deny_wins(cloud: Cloud, anonymous: httpx.Client) -> None:
    headers = {"Authorization": f"Bearer {cloud.token('user_nodelete')}"}
    assert anonymous.get("/v1/things/7", headers=headers).status_code == 201
    refused = anonymous.delete("/v1/things/7", headers=headers)
    assert refused.status_code == 403
    assert "explicit deny" in refused.json()["message"]


@pytest.mark.parametrize("token", ["break", "nonsense"])
def test_broken_authorizer_is_a_500_without_a_reason(anonymous: httpx.Client, token: str) -> None:
    response = anonymous.get("/v1/things/7", headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()) == (500, {"message": None})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"size": 1}', "'name' is a required property"),
        ('{"name": 7}', "7 is not of type 'string'"),
        ("[]", "[] is not of type 'object'"),
        ("not json", "is not of type 'object'"),
        ("[" * 20_000 + "]" * 20_000, "is not of type 'object'"),
        ("", "None is not of type 'object'"),
    ],
)
def test_body_that_breaks_its_model_is_refused(api: httpx.Client, body: str, why: str) -> None:
    response = api.post("/v1/things", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.json()["message"] == "Invalid request body"
    assert why in response.json()["why"]


def test_missing_required_parameter_is_named(api: httpx.Client) -> None:
    response = api.get("/v1/search")
    assert response.status_code == 400
    assert response.json() == {"message": "Missing required request parameters: [q]"}
    assert api.get("/v1/search?q=shoes").status_code == 201


@pytest.mark.parametrize("mode", ["raise", "no_status", "extra", "object_body", "text"])
def test_bad_answer_is_a_502_that_tells_nothing(api: httpx.Client, mode: str) -> None:
    response = api.get("/v1/things/7", params={"mode": mode})
    assert response.status_code == 502
    assert response.json() == {"message": "Internal server error"}


def test_answers_may_be_binary_and_repeat_headers(api: httpx.Client) -> None:
    binary = api.get("/v1/things/7", params={"mode": "binary"})
    assert binary.content == b"\x89PNG\x07"[:4]
    assert binary.headers["Content-Type"] == "image/png"
    cookies = api.get("/v1/things/7", params={"mode": "cookies"})
    assert cookies.status_code == 204
    assert cookies.headers.get_list("Set-Cookie") == ["a=1", "b=2"]


def test_key_set_is_public(cloud: Cloud, anonymous: httpx.Client) -> None:
    (key,) = anonymous.get("/.well-known/jwks.json").json()["keys"]
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
    assert "d" not in key


class NeverDone:
    """A runtime whose functions take for ever."""

    def submit(self, name: str, payload: bytes) -> Future[Outcome]:
        return Future()

    def invoke(self, name: str, payload: bytes) -> Outcome:
        raise AssertionError("no authorizer here")


def test_integration_that_takes_too_long_is_a_504() -> None:
    uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:f/invocations"
    operation = {"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": uri}}
    gateway = Gateway(RestApi("api", {"paths": {"/slow": {"get": operation}}}), NeverDone(), timeout=0.05)  # type: ignore[arg-type]
    response = Client(gateway).get("/slow")
    assert (response.status_code, response.json) == (504, {"message": "Endpoint request timed out"})


def policy(effect: str, resource: Any, action: Any = "execute-api:Invoke") -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource}


@pytest.mark.parametrize(
    ("statements", "effect"),
    [
        ([policy("Allow", "*")], "Allow"),
        ([policy("Allow", METHOD_ARN)], "Allow"),
        ([policy("Allow", "arn:aws:execute-api:*:*:*/local/GET/v1/things/?")], "Allow"),
        ([policy("Allow", ["x", "*/GET/*"], ["s3:Get", "execute-api:*"])], "Allow"),
        ([policy("Allow", "*/POST/*")], None),
        ([policy("Allow", "*", "s3:*")], None),
        ([policy("Allow", "*"), policy("Deny", "*/things/*")], "Deny"),
    ],
)
def test_policy_is_evaluated_as_iam_does(statements: list[dict[str, Any]], effect: str | None) -> None:
    assert evaluate({"Statement": statements}, METHOD_ARN) == effect


def test_authorizer_is_asked_again_when_its_answer_is_too_old() -> None:
    asked: list[str] = []
    answer = {"principalId": "u", "policyDocument": {"Statement": [policy("Allow", "*")]}}

    def invoke(name: str, payload: bytes) -> Outcome:
        asked.append(json.loads(payload)["authorizationToken"])
        return Outcome(json.dumps(answer).encode())

    times = iter((0, 0, 59, 59, 59, 61, 61))  # looked at before and after each question
    authorizers = Authorizers(invoke, clock=lambda: next(times))
    authorizer = Authorizer("f", "Authorization", None, ttl_seconds=60)
    for token in ("a", "a", "b", "a"):
        authorizers.authorize(authorizer, token, METHOD_ARN)
    assert asked == ["a", "b", "a"]


def test_a_request_authorizer_is_told_the_whole_request_and_only_asked_with_its_query() -> None:
    scheme = {
        "name": "Unused",
        "x-amazon-apigateway-authorizer": {
            "type": "request",
            "authorizerUri": "f",
            "identitySource": "method.request.querystring.token",
            "authorizerResultTtlInSeconds": 0,
        },
    }
    authorizer = Authorizer.from_scheme(scheme, lambda uri: uri)
    assert authorizer.queries == ("token",)
    told: list[dict[str, Any]] = []

    def invoke(name: str, payload: bytes) -> Outcome:
        told.append(json.loads(payload))
        answer = {"principalId": "u", "policyDocument": {"Statement": [policy("Allow", METHOD_ARN)]}}
        return Outcome(json.dumps(answer).encode())

    authorizers = Authorizers(invoke)
    event = {"type": "REQUEST", "methodArn": METHOD_ARN, "path": "/v1/x"}
    for _ in range(2):  # no answer is kept
        assert authorizers.authorize(authorizer, "t", METHOD_ARN, event) == {"principalId": "u"}
    assert told == [event, event]
    with pytest.raises(GatewayError):
        authorizers.authorize(authorizer, None, METHOD_ARN, event)
    bare = {"name": "x", "x-amazon-apigateway-authorizer": {"type": "request", "authorizerUri": "f"}}
    with pytest.raises(TemplateError):
        Authorizer.from_scheme(bare, str)


def test_default_of_a_class_customises_what_has_no_response_of_its_own() -> None:
    responses = GatewayResponses(
        {"DEFAULT_4XX": {"responseTemplates": {"text/plain": "$context.error.responseType $context.nothing"}}}
    )
    response = responses.render(GatewayError("MISSING_AUTHENTICATION_TOKEN", "x"), {})
    assert (response.status_code, response.get_data(as_text=True)) == (403, "MISSING_AUTHENTICATION_TOKEN -")
    assert response.content_type.startswith("text/plain")
