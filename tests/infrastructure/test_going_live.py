"""The guide names what somebody has to fill in or to react to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
TEMPLATE: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "going-live.md").read_text().splitlines()
    if line.startswith("| ")
]
OPERATING = (ROOT / "docs" / "operating.md").read_text()


def firsts() -> list[str]:
    return [row[0] for row in ROWS]


def test_every_parameter_without_a_default_has_a_row() -> None:
    needed = {name for name, spec in TEMPLATE["Parameters"].items() if "Default" not in spec}
    assert len(needed) >= 5
    assert needed <= set(firsts())


def test_every_alarm_has_one_row_that_says_what_to_do() -> None:
    alarms = {
        name for name, item in TEMPLATE["Resources"].items() if item["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert sorted(name for name in firsts() if name.endswith("Alarm")) == sorted(alarms)
    assert all(row[1] and row[2] for row in ROWS if row[0] in alarms)


def test_every_field_of_a_secret_has_a_row() -> None:
    described = " ".join(
        item["Properties"]["Description"]
        for item in TEMPLATE["Resources"].values()
        if item["Type"] == "AWS::SecretsManager::Secret"
    )
    section = OPERATING.partition("## Secrets")[2].partition("\n## ")[0]
    fields = set(re.findall(r'"([a-z]\w+)"', described + section)) - {"accounts"}
    assert len(fields) > 15
    named = {field for row in ROWS if len(row) == 3 for field in row[1].split(", ")}
    assert {field for field in fields if not field.startswith("act_")} <= named
