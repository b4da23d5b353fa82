"""The guide names what somebody has to fill in or to react to."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from campaign_automation.adapters.google.tokens import _CLIENT
from campaign_automation.adapters.renewal import _LASTING
from local.source import template

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "layers/shared/campaign_automation"
READERS = (
    *("foundation.py", "managers/shared/accounts.py", "adapters/common/accounts.py", "adapters/renewal.py"),
    *("adapters/google_adapter.py", "adapters/google/wire.py", "adapters/google/tokens.py"),
    *("adapters/google/requests.py", "adapters/google/checks.py"),
    *("adapters/meta/wire.py", "adapters/meta/token_end.py"),
    *("adapters/meta/requests.py", "adapters/meta/studies.py"),
    *("adapters/tiktok_adapter.py", "adapters/tiktok/requests.py", "adapters/tiktok/checks.py"),
)
HOLDER = re.compile(r"^(self\._)?(app\b|account$|account\.facts|settings$|stored$|robot$|read_secret\()")
# Facts of an account and of the Web Platform's answers, in the same mappings.
TOLD_BY_PLATFORMS = {"app_promotion", "dsa_beneficiary", "dsa_payor", "id", "ad_account_id"}
TEMPLATE = template()
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


def read_fields() -> set[str]:
    """The fields that the code reads of secrets, by the names of what holds them there."""
    found = {*_CLIENT, *_LASTING, "username", "password"}  # read in loops
    for path in READERS:
        for node in ast.walk(ast.parse((MODULE / path).read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=holder, attr="get" | "setdefault"), args=[key, *_]):
                    pass
                case ast.Subscript(value=holder, slice=key):
                    pass
                case ast.Call(func=ast.Name(id="read_field"), args=[_, _, key]):
                    holder = ast.Name("app")
                case _:
                    continue
            if isinstance(key, ast.Constant) and HOLDER.search(ast.unparse(holder)):
                found.add(str(key.value))
    return found - TOLD_BY_PLATFORMS


def test_every_field_that_the_code_reads_of_a_secret_is_in_both_pages() -> None:
    fields = read_fields()
    assert {"token", "api_key", "login_customer_id", "refresh_token", "page_id", "accounts"} <= fields
    named = {field for row in ROWS if len(row) == 3 for cell in row[:2] for field in cell.split(", ")}
    section = OPERATING.partition("## Secrets")[2].partition("\n## ")[0]
    assert fields - named == set()
    assert fields - set(re.findall(r'"(\w+)"', section)) == set()


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


def test_files_and_sections_that_the_template_names_exist() -> None:
    text = (ROOT / "template.yaml").read_text()
    named = re.findall(r"\b((?:docs/)?[\w-]+\.md)(?:, \"([^\"]+)\")?", text)
    assert named
    for page, section in named:
        assert not section or f"## {section}\n" in (ROOT / page).read_text(), (page, section)
        assert (ROOT / page).is_file(), page
    for folder in re.findall(r"(?:CodeUri|ContentUri|DefinitionUri): ([^\s,}]+)", text):
        assert (ROOT / folder).exists(), folder


def test_every_function_is_in_the_table_of_functions_with_its_layers() -> None:
    table = OPERATING.partition("## Functions")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    shown = {name: row[2] for row in cells for name in re.sub(r", (three times)", "", row[0]).split(", ")}
    held: dict[str, set[str]] = {}
    for item in TEMPLATE["Resources"].values():
        if item["Type"] == "AWS::Serverless::Function":
            layers = [
                ref["Ref"].removesuffix("DependenciesLayer") for ref in item["Properties"].get("Layers", [])
            ]
            held.setdefault(Path(item["Properties"]["CodeUri"]).name, set()).update(map(str.lower, layers))
    assert shown.keys() == held.keys()
    for name, layers in held.items():
        assert set(re.findall(r"meta|google|gemini|auth|statistics", shown[name])) == layers, name
