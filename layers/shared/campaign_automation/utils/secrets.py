"""The secrets of Secrets Manager, through Powertools: the environment holds names, never values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from campaign_automation.utils.error_handler import ConfigurationError
from campaign_automation.utils.redaction import keep_secret

MAX_AGE_SECONDS = 300
# Beside ids and names, which logs need. Those of links are called current and previous.
_SECRET_FIELDS = re.compile(r".*(?:secret|token|key)|password|current|previous")


def load_reader() -> None:
    """Build the client that reads secrets, as reading the first would."""
    from aws_lambda_powertools.utilities.parameters import SecretsProvider
    from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS

    DEFAULT_PROVIDERS.setdefault("secrets", SecretsProvider())


def read_secret(secret_id: str | None, purpose: str, *, is_fresh: bool = False) -> dict[str, Any]:
    """Return the JSON object behind `secret_id`, kept in memory for five minutes, or read anew.

    Raises ConfigurationError when it is not configured or not filled in, naming `purpose`.
    """
    if secret_id is None:
        raise ConfigurationError(f"no secret is configured for {purpose}", setting=purpose)
    from aws_lambda_powertools.utilities import parameters
    from botocore.exceptions import BotoCoreError

    try:
        value = parameters.get_secret(
            secret_id, transform="json", max_age=MAX_AGE_SECONDS, force_fetch=is_fresh
        )
    except parameters.TransformParameterError as error:
        raise ConfigurationError(f"the secret {secret_id} ({purpose}) is no JSON", setting=purpose) from error
    except BotoCoreError as error:  # no region, or no credentials
        message = f"the secret {secret_id} ({purpose}) cannot be read: {error}"
        raise ConfigurationError(message, setting=purpose) from error
    except parameters.GetParameterError as error:
        reason = "missing" if "ResourceNotFoundException" in str(error) else "unreadable"
        raise ConfigurationError(
            f"the secret {secret_id} ({purpose}) cannot be read: fill it in", setting=purpose, reason=reason
        ) from error
    if not isinstance(value, dict):
        raise ConfigurationError(f"the secret {secret_id} ({purpose}) is not a JSON object", setting=purpose)
    _keep(value)
    return value


def _keep(fields: Mapping[str, Any]) -> None:
    """Keep what the fields hold out of logs."""
    for name, value in fields.items():
        if isinstance(value, dict):  # a service account
            _keep(value)
        elif isinstance(value, str) and _SECRET_FIELDS.fullmatch(name):
            keep_secret(value)


def read_field(secret_id: str | None, purpose: str, field: str) -> str:
    """Return the text under `field` in the secret. Raises ConfigurationError when it holds none there."""
    value = read_secret(secret_id, purpose).get(field)
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"the secret {secret_id} ({purpose}) lacks {field!r}", setting=purpose)
    return value
