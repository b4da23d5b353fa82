"""Secrets in texts, by their names, by their forms and by value."""

import pytest

from campaign_automation.utils import redaction
from campaign_automation.utils.redaction import keep_secret, redact


@pytest.mark.parametrize(
    "text",
    [
        "GET https://graph.example/v26.0/1?access_token=SECRET&appsecret_proof=SECRET&fields=id",
        '{"access_token": "SECRET"}',
        '"{\\"api_key\\": \\"SECRET\\"}"',
        "Authorization: Bearer SECRET",
        "x-goog-api-key: SECRET",
        "{'client_secret': 'SECRET'}",
        "https://me:SECRET@proxy.example",
        "sent basic SECRET",
        "batch=%7B%22access_token%22%3A%20%22SECRET%22%7D",
        "next=https%253A%252F%252Fh%252F%253Faccess_token%253DSECRET",
        '"https://h/?access_token\\u003dSECRET\\u0026fields\\u003dname"',
        "{&quot;access_token&quot;:&quot;SECRET&quot;}",
        "{'access_token': ['SECRET']}",
        "{'access_token' => 'SECRET'}",
        "h=Bearer%20SECRET&i=Bearer+SECRET",
    ],
)
def test_secrets_are_redacted(text: str) -> None:
    assert "SECRET" not in redact(text)
    assert "[redacted]" in redact(text)


@pytest.mark.parametrize(
    "name",
    "access_token developer-token appsecret_proof client_secret SecretString api_key ?key password Passwd"
    " Proxy-Authorization set-cookie signature aws_credential \u212aey API_\u212aEY pa\u017fsword".split(),
)
def test_each_name_of_a_secret_alone_is_enough_to_look_for_it(name: str) -> None:
    text = f"GET /x{'' if name == '?key' else '?'}{name}=abc"
    assert redact(text) == _redacted_whatever_is_in(text)


def test_only_the_latest_secrets_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_secrets", {})
    for number in range(300):
        keep_secret(f"opaque-{number:09}")
    keep_secret("short")
    assert len(redaction._secrets) == 200
    text = "opaque-000000001, opaque-000000299, short"
    assert redact(text) == "opaque-000000001, [redacted], short"


def _redacted_whatever_is_in(text: str) -> str:
    """Redact a text in the presence of something that is looked for, and take that away again."""
    return redact(f"@ {text}").removeprefix("@ ")
