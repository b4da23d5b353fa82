"""No token in a log: secrets of every kind are redacted in every carrier, wrapped in others or not."""

from __future__ import annotations

import html
import json
import logging
import re
import string
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.utils.observability import _RedactingFormatter
from campaign_automation.utils.redaction import keep_secret, redact

# --- secrets -----------------------------------------------------------------------------------------------

LETTERS = string.ascii_letters + string.digits


def drawn(prefix: str, alphabet: str, size: int) -> st.SearchStrategy[str]:
    """Texts of random letters, as keys are: with a digit and a letter among the first 16, and no words."""
    body = st.text(alphabet, min_size=size, max_size=size)
    return body.map(lambda text: f"{prefix}{text[:7]}7x{text[9:]}")


SHAPED = st.one_of(
    drawn("EAAB", LETTERS, 60),
    drawn("ya29.a0", LETTERS + "-_", 60),
    drawn("ya29.c.b0", LETTERS + "-_.", 60),
    drawn("1//0g", LETTERS + "-_", 60),
    drawn("AIza", LETTERS + "-_", 35),
    drawn("GOCSPX-", LETTERS + "-_", 28),
    drawn("123456789012345|", LETTERS + "-_", 27),
    drawn("whsec_", LETTERS, 43),
    drawn("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.", LETTERS + "-_", 43),
)
HEX = drawn("", "0123456789abcdef", 40)
PLAIN = drawn("", LETTERS, 22)
ANY = st.one_of(SHAPED, HEX, PLAIN)

# --- carriers ----------------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    "access_token accessToken refresh_token input_token fb_exchange_token id_token bot_token token"
    " Access-Token developer-token developer_token X-Amz-Security-Token appsecret_proof app_secret"
    " client_secret secret_access_key SecretString api_key x-goog-api-key private_key password passwd"
    " Authorization Proxy-Authorization Cookie Set-Cookie credential signature".split()
)
QUOTED: list[Callable[[str, str], Any]] = [
    lambda name, secret: {name: secret},
    lambda name, secret: {name: secret.encode()},
    lambda name, secret: {"request": {"headers": {"Host": "h", name: f"Bearer {secret}"}}},
    lambda name, secret: {"params": [{"id": 1}, {name: secret, "fields": "id"}]},
    lambda name, secret: {name: [secret]},
    lambda name, secret: {name: ["one", secret, "three"]},
    lambda name, secret: {name: {"value": secret, "type": "text"}},
    lambda name, secret: [["Host", "h"], [name, secret]],
    lambda name, secret: [{"name": name, "value": secret}],
    lambda name, secret: [(name.encode(), secret.encode())],
]
TEXTS = [
    "{name}={secret}",
    "{name}: {secret}",
    "{name} = {secret}",
    "{name} => {secret}",
    "GET https://h/v26.0/me?fields=id&{name}={secret}&limit=1",
    "https://h/#{name}={secret}",
    "a=1&amp;{name}={secret}&amp;b=2",
    "GET / HTTP/1.1\r\nHost: h\r\n{name}: {secret}\r\n\r\n",
    "<{name}>{secret}</{name}>",
    "<a><x:{name} type='t'>\n  {secret}\n</x:{name}></a>",
    "<{name}><![CDATA[{secret}]]></{name}>",
    '<option {name}="{secret}"/>',
    'Content-Disposition: form-data; name="{name}"\r\n\r\n{secret}\r\n--boundary--',
    "Headers({{'host': 'h', '{name}': '{secret}'}})",
    "_Metadatum(key='{name}', value='{secret}')",
    "Request(id=1, {name}='{secret}', fields=[])",
    "curl -H '{name}: {secret}' https://h/",
    "Authorization: OAuth {secret}",
    "Authorization: Token {secret}",
    "Cookie: theme=dark; lang=en; session={secret}",
    "Set-Cookie: theme=dark; sid={secret}; Path=/",
    "https://user:{secret}@h/x",
    "redis://:{secret}@cache:6379/0",
    "https://{secret}@h/x",
]
PROSE = [
    "the token is {secret}",
    "Malformed access token {secret}",
    "the refresh token {secret} was revoked",
    "invalid token '{secret}', connect again",
    "API key {secret} is not valid. Please pass another",
    "API key: {secret}",
    "client secret {secret}",
    "sent Bearer {secret}",
]
# Without a word of what it is.
BARE = [
    "Error validating {secret}.",
    "({secret})",
    "['{secret}']",
    "x={secret}&y=1",
    "<v>{secret}</v>",
    "{secret}",
]

SHELLS: list[Callable[[str], str]] = [
    json.dumps,
    lambda text: json.dumps({"error": {"message": text, "code": 190}}),
    lambda text: json.dumps(text, ensure_ascii=False).replace("/", "\\/"),
    lambda text: repr(RuntimeError(text)),
    lambda text: repr({"body": text.encode()}),
    lambda text: f"https://h/?next={quote(text, safe='')}",
    lambda text: f"batch={quote_plus(text)}&x=1",
    lambda text: f"said\n{text}\nat 12:00",
    lambda text: text,
]
# HTML is what people see, so it is the last.
WRAPPED = st.builds(
    lambda inner, last: [*inner, *last],
    st.lists(st.sampled_from(SHELLS), max_size=2),
    st.lists(st.just(html.escape), max_size=1),
)


@st.composite
def told(draw: st.DrawFn, forms: list[str], secrets: st.SearchStrategy[str]) -> tuple[str, str]:
    secret = draw(secrets)
    return draw(st.sampled_from(forms)).format(name=draw(NAMES), secret=secret), secret


@st.composite
def held(draw: st.DrawFn) -> tuple[Any, str]:
    name, secret = draw(NAMES), draw(ANY)
    return draw(st.sampled_from(QUOTED))(name, secret), secret


@st.composite
def quoted(draw: st.DrawFn) -> tuple[str, str]:
    value, secret = draw(held())
    shown = draw(st.sampled_from([repr, lambda item: json.dumps(item, default=bytes.decode)]))
    return shown(value), secret


def leaks(text: str, secret: str) -> bool:
    """Return whether eight characters of a secret's own in a row are left; its prefix tells nothing."""
    own = secret[-20:]
    pieces = {own[start : start + 8] for start in range(len(own) - 7)}
    return any(piece in text for piece in pieces if re.fullmatch(r"\w+", piece))


@given(
    case=st.one_of(quoted(), told(TEXTS, ANY), told(PROSE, SHAPED | HEX), told(BARE, SHAPED)),
    shells=WRAPPED,
)
def test_a_secret_is_redacted_whatever_carries_it(
    case: tuple[str, str], shells: list[Callable[[str], str]]
) -> None:
    text, secret = case
    for shell in shells:
        text = shell(text)
    assert not leaks(redact(text), secret), redact(text)


@given(case=held())
def test_a_line_of_the_log_stays_json_without_its_secret(case: tuple[Any, str]) -> None:
    value, secret = case
    record = logging.LogRecord("n", logging.WARNING, "p", 1, "refused", (), None)
    record.answer = value
    line = _RedactingFormatter().format(record)
    assert json.loads(line)["message"] == "refused"
    assert not leaks(line, secret), line


@given(secret=PLAIN, form=st.sampled_from(BARE), shells=WRAPPED)
def test_a_secret_that_the_process_holds_needs_no_sign(
    secret: str, form: str, shells: list[Callable[[str], str]]
) -> None:
    keep_secret(secret)
    text = form.format(secret=secret)
    for shell in shells:
        text = shell(text)
    assert not leaks(redact(text), secret), redact(text)
