"""The JSON Schema of events, as webhooks and the event bus get them, from the models that write them."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from campaign_automation.models.notices.events import TYPED, Envelope, NoticeData, WebhookTrial, event_model

# Those of webhooks alone are in no sequence.
MODELS = [*map(event_model, TYPED), *(event_model(item, Envelope) for item in (NoticeData, WebhookTrial))]


def document() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of any event."""
    modes: Any = [(model, "serialization") for model in MODELS]
    references, definitions = models_json_schema(modes, ref_template="#/$defs/{model}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Events of Campaign Automation",
        "oneOf": list(references.values()),
        **definitions,
    }
