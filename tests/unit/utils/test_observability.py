"""No token reaches Lambda's log, whichever client tells of it and however loud the libraries are."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO

import boto3
import httpx
import pytest
import redis
import requests
from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_log_utils import LogFormat
from facebook_business.api import FacebookAdsApi
from facebook_business.session import FacebookSession
from pydantic import SecretStr

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.google.wire import GoogleWire
from campaign_automation.clients.gemini_client import GeminiClient
from campaign_automation.clients.mcp_client import McpClient
from campaign_automation.utils import event_loop
from campaign_automation.utils.observability import LIBRARIES, keep_secrets, logger
from campaign_automation.utils.redaction import redact

PLANTED = "PLANTED-1234567890abcdef"
NAMES = (
    "access_token appsecret_proof X-Amz-Security-Token X-Amz-Signature Authorization Access-Token"
    " developer-token x-goog-api-key refresh_token client_secret app_secret password token api_key cookie"
).split()


class Sink:
    def __init__(self) -> None:
        self.text = ""

    def log(self, message: str, frame_type: object = None) -> None:
        self.text += message


class Echo(BaseHTTPRequestHandler):
    """Refuses every request and quotes all of it, as some platforms do."""

    def answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        quoted = {
            "path": self.path,
            "headers": dict(self.headers),
            "body": self.rfile.read(size).decode(errors="replace"),
        }
        body = json.dumps({"error": {"message": json.dumps(quoted), "code": 190}}).encode()
        self.send_response(400)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", f"session={PLANTED}")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=[LogFormat.JSON, LogFormat.TEXT])
def sink(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    """Lambda's own log handler, as its runtime sets it up, with every library at DEBUG."""
    collected = Sink()
    root, before = logging.getLogger(), {name: logging.getLogger(name).level for name in (*LIBRARIES, "")}
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(logging.Formatter, "converter", logging.Formatter.converter)
    bootstrap._setup_logging(request.param, "DEBUG", collected)
    keep_secrets()
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield collected
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def call_httpx(url: str) -> None:
    headers = dict.fromkeys(NAMES, PLANTED) | {"Authorization": f"Bearer {PLANTED}"}
    answer = httpx.post(
        url, params=dict.fromkeys(NAMES, PLANTED), headers=headers, json={"password": PLANTED}, timeout=600
    )
    raise RuntimeError(f"{answer.request.url} {answer.request.headers.raw} {answer.text}")


def call_meta(url: str) -> None:
    session = FacebookSession("1", PLANTED, PLANTED)
    session.GRAPH = url
    FacebookAdsApi(session, api_version="v26.0").call("GET", ("act_1",), params={"fields": "id"})


def call_meta_while_it_is_down(url: str) -> None:
    requests.get("http://127.0.0.1:1/me", params={"access_token": PLANTED}, timeout=60)


def call_google(url: str) -> None:
    wire = GoogleWire(lambda: {"developer_token": PLANTED}, url, 60)
    access = Access(platform_account_id="1", token=SecretStr(PLANTED))
    asyncio.run(wire.search(access, "read", "SELECT customer.id FROM customer"))


def call_gemini(url: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncio.run(GeminiClient(lambda: PLANTED, endpoint=url).generate_content("x", model="m"))


def call_web_platform(url: str) -> None:
    asyncio.run(McpClient(url, lambda: PLANTED).call_tool("update_campaign", {"user_id": 1}))


def call_aws(url: str) -> None:
    session = boto3.session.Session("AKIDEXAMPLE", PLANTED, PLANTED, region_name="us-east-1")
    secrets = session.client("secretsmanager", endpoint_url=url)
    secrets.put_secret_value(SecretId="s", SecretString=PLANTED)


def call_cache(url: str) -> None:
    address = f"redis://user:{PLANTED}@127.0.0.1:1/0"
    try:
        redis.Redis.from_url(address).ping()
    except redis.ConnectionError as error:
        raise RuntimeError(f"{address}: {error}") from error


CALLS = (
    call_httpx,
    call_meta,
    call_meta_while_it_is_down,
    call_google,
    call_gemini,
    call_web_platform,
    call_aws,
    call_cache,
)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_what_clients_log_and_raise_tells_no_token(
    call: Callable[[str], None], url: str, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, own = logging.getLogger("app"), StringIO()
    monkeypatch.setattr(logger.handlers[0], "stream", own)
    try:
        call(url)
    except Exception as error:
        app.exception("failed: %s", error, extra={"error": repr(error), "answer": str(vars(error))})
        logger.exception("failed", reason=str(error), answer=str(vars(error)))
    for text in (sink.text, own.getvalue()):
        assert "failed" in text
        assert PLANTED not in text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "form",
    [
        "https://x.example/?a=1&{name}={value}&b=2",
        "{name}: {value}",
        "{name}%3D{value}",
        '{{"{name}": "{value}"}}',
        '{{\\"{name}\\": \\"{value}\\"}}',
        "{{'{name}': '{value}'}}",
        "[(b'{name}', b'{value}')]",
        "('{name}', 'Bearer {value}')",
        '{{"{name}": "with \'quotes\' and spaces {value}"}}',
    ],
)
def test_every_name_is_redacted_in_every_form(name: str, form: str) -> None:
    for spelled in (name, name.lower(), name.upper()):
        text = redact(form.format(name=spelled, value=PLANTED))
        assert PLANTED not in text
        assert spelled in text


@pytest.mark.parametrize(
    "text",
    [
        "idempotency_key: was used before with other parameters",
        "the secret campaign-automation/dev/meta (Meta) cannot be read: fill it in",
        '{"ai_tokens_total": 12, "model": "m"}',
        '{"message": "set pixel_id in the Meta secret", "details": {"field": "pixel_id"}}',
        'put it into the Meta secret: {"accounts": {}}',
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:campaign-automation/dev/meta-AbCdEf",
        '{"name": "Token Sale 2026_US_Broad_Prospecting", "campaign_id": "cmp_0eaa56789abcdef01234"}',
        "NFT-token launch | Secret Santa 2026 | Cookie Jar | Basic Plan",
        "the token of run_0123456789abcdef0123, token act_12345678901234567890",
        '{"audit_id": "1795910401234#eaa2f0c41d", "session_id": "s-0123456789abcdef0123", "max_tokens": 400}',
        "idempotency_key=0123456789abcdef0123456789abcdef&request_id=req_0123456789abcdef0123",
        "the next page begins at eyJhZnRlciI6IjEyMyJ9",
        "https://example.com/shoes?email=me@example.com and redis://cache:6379/0",
        "int | None, 1234567|two",
        "get_ad_account_token: token is invalid",
        '{"name": "Token: Launch of 2026"}',
        "the ad account's token expires in 5 days; connect the account again",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_libraries_log_warnings_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LIBRARIES:
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
    keep_secrets()
    children = ("httpx", "httpcore.http11", "botocore.endpoint", "urllib3.connectionpool", "google.auth")
    assert {logging.getLogger(name).getEffectiveLevel() for name in children} == {logging.WARNING}


def test_what_a_handler_raises_is_told_by_its_class_and_without_its_secret() -> None:
    class SdkError(Exception):
        pass

    async def fail() -> None:
        raise SdkError(f"GET /me?access_token={PLANTED}")

    with pytest.raises(Exception, match="access_token=") as raised:
        event_loop.run(fail())
    assert type(raised.value).__name__ == "SdkError"
    assert PLANTED not in str(raised.value)
    assert raised.value.__suppress_context__
