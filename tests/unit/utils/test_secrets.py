"""Secrets that cannot be read are the operator's to mend."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS
from moto import mock_aws

from campaign_automation.utils.error_handler import ConfigurationError
from campaign_automation.utils.redaction import redact
from campaign_automation.utils.secrets import read_field, read_secret
from local.cloud.aws import CREDENTIALS


@pytest.fixture(autouse=True)
def nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No client of secrets was made before, and nothing says where AWS is."""
    monkeypatch.setattr("os.environ", {"HOME": str(tmp_path)})
    monkeypatch.delitem(DEFAULT_PROVIDERS, "secrets", raising=False)
    yield
    DEFAULT_PROVIDERS.pop("secrets", None)


@contextmanager
def stored(value: str) -> Iterator[None]:
    """Keep the secret `a` for a while: a mock inside another one shares what that one holds."""
    with mock_aws():
        secrets = boto3.client("secretsmanager")
        secrets.create_secret(Name="a", SecretString=value)
        yield
        secrets.delete_secret(SecretId="a", ForceDeleteWithoutRecovery=True)


def test_without_a_region_the_secret_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"the secret a \(Meta\) cannot be read: .*region"):
        read_secret("a", "Meta")


@pytest.mark.parametrize(("value", "told"), [("no JSON", "is no JSON"), ("[1]", "is not a JSON object")])
def test_a_secret_of_another_shape_is_named(monkeypatch: pytest.MonkeyPatch, value: str, told: str) -> None:
    monkeypatch.setattr("os.environ", dict(CREDENTIALS))
    with stored(value), pytest.raises(ConfigurationError, match=told):
        read_secret("a", "Meta")


@pytest.mark.parametrize(
    "value", ["{}", '{"token": null}', '{"token": ""}', '{"token": 5}', '{"Token": "t"}']
)
def test_a_secret_without_its_field_is_the_operators_to_mend(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setattr("os.environ", dict(CREDENTIALS))
    lacking = r"the secret a \(the Web Platform\) lacks 'token'"
    with stored(value), pytest.raises(ConfigurationError, match=lacking):
        read_field("a", "the Web Platform", "token")


def test_what_a_secret_holds_is_kept_out_of_logs_but_not_its_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", dict(CREDENTIALS))
    hidden = {"app_secret": "0f" * 16, "token": "Opaque-Of-A-Service", "current": "k" * 32}
    shown = {"page_id": "1234567890123456", "client_id": "1-a.apps.googleusercontent.com"}
    stands = {**hidden, **shown, "service_account": {"private_key": "Opaque-Of-An-Account"}}
    with stored(json.dumps(stands)):
        read_secret("a", "Meta")
    for value in (*hidden.values(), "Opaque-Of-An-Account"):
        assert redact(f"refused: {value}") == "refused: [redacted]"
    for value in shown.values():
        assert redact(f"refused: {value}") == f"refused: {value}"
