"""The rules that templates make: whole, as callers get them, with the defaults and with other numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from campaign_automation.models.rules.rule import CreateRule
from campaign_automation.optimizers.rules.templates import TEMPLATES, rule_from_template
from campaign_automation.utils.error_handler import InvalidRequestError

BODIES: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "fixtures" / "rule_templates.json").read_text()
)
OTHER = {"level": "campaign", "time_range": "14d"}  # of the parameters that are words


def test_each_template_is_known_by_its_rule() -> None:
    assert BODIES.keys() == TEMPLATES.keys()


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_template_makes_this_rule(name: str) -> None:
    assert json.loads(json.dumps(rule_from_template(name))) == BODIES[name]
    CreateRule.model_validate(BODIES[name] | {"confirm": True})


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, parameter) for name, item in TEMPLATES.items() for parameter in item.defaults],
)
def test_each_parameter_of_a_template_changes_its_rule(name: str, parameter: str) -> None:
    default = TEMPLATES[name].defaults[parameter]
    other = OTHER[parameter] if isinstance(default, str) else default / 2
    made = rule_from_template(name, **{parameter: other})
    assert made != rule_from_template(name)
    assert made["rule_name"] == name.replace("_", " ")


def test_a_template_or_parameter_that_is_not_known_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        InvalidRequestError, match=r"^template: 'stop_los' is not known; did you mean 'stop_loss'"
    ) as one:
        rule_from_template("stop_los")
    assert (one.value.details["field"], one.value.details["allowed"]) == ("template", list(TEMPLATES))
    with pytest.raises(InvalidRequestError, match=r"^parameters: 'zzz' is not known$") as two:
        rule_from_template("stop_loss", zzz=1)
    assert two.value.details["allowed"] == list(TEMPLATES["stop_loss"].defaults)
