"""Every deployment publishes a version of each function when anything of it differs, and none otherwise."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from campaign_automation.settings import SettingsError
from local.cloud.stack.intrinsics import TemplateError
from local.cloud.stack.template import transform
from local.release import BUILT, check, deploy_arguments
from local.source import template

ROOT = Path(__file__).parents[2]
TEMPLATE = template()
VALUES = dict.fromkeys(("JwtIssuer", "JwtAudience", "JwksUrl"), "x") | {"AccountDailyBudgetCaps": "USD:1"}
MODULE = BUILT / "SharedLayer" / "python" / "module.py"
SAMCONFIG = """
version = 0.1
[default.deploy.parameters]
parameter_overrides = '''JwtIssuer="https://issuer" JwksUrl=https://issuer/keys
JwtAudience=a AccountDailyBudgetCaps=USD:1'''
[prod.deploy.parameters]
parameter_overrides = ["Stage=prod", 'AccountDailyBudgetCaps="USD:5000,EUR:4000"',
    "JwtIssuer=i", "JwtAudience=a", "JwksUrl=k"]
[empty.deploy.parameters]
stack_name = "empty"
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The files that `sam build` leaves, as far as they matter here."""
    for path in (MODULE, Path("functions/a/app.py"), Path("statemachines/m.asl.json")):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("1")
    (tmp_path / BUILT / "template.yaml").write_text((ROOT / "template.yaml").read_text())
    (tmp_path / "samconfig.toml").write_text(SAMCONFIG)
    return tmp_path


def passed(bundle: Path, *overrides: str, config_env: str = "default") -> dict[str, str]:
    """The parameter values that `sam deploy` is called with."""
    command, *arguments = deploy_arguments(bundle, config_env, overrides)
    given = arguments.index("--parameter-overrides")
    pairs = (text.partition("=") for text in arguments[given + 1 :])
    values = {name: value.removeprefix('"').removesuffix('"') for name, _, value in pairs}
    tags = ["--tags", "project=campaign-automation", f"stage={values['Stage']}"]
    assert (command, arguments[:given]) == ("deploy", ["--config-env", config_env, *tags])
    return values


def versions(parameters: Mapping[str, str]) -> set[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        resources = transform(ROOT / "template.yaml", parameters, [])["Resources"]
    return {name for name, item in resources.items() if item["Type"] == "AWS::Lambda::Version"}


def test_a_layers_content_or_one_parameter_changes_every_version(bundle: Path) -> None:
    first = versions(passed(bundle))
    (bundle / MODULE).write_text("2")
    layer = versions(passed(bundle))
    switch = versions(passed(bundle, "KillSwitch=true"))
    functions = (ROOT / "template.yaml").read_text().count("Type: AWS::Serverless::Function")
    assert len(first) == len(layer) == len(switch) == functions
    assert len(first | layer | switch) == len(first) + len(layer) + len(switch)


@pytest.mark.parametrize(
    "path", [MODULE, Path("functions/a/app.py"), Path("statemachines/m.asl.json"), BUILT / "template.yaml"]
)
def test_whatever_is_deployed_counts(bundle: Path, path: Path) -> None:
    first = passed(bundle)["ReleaseId"]
    file = bundle / path
    file.write_text(file.read_text() + "\n")
    assert passed(bundle)["ReleaseId"] != first


def test_the_same_is_the_same_whatever_bytecode_lies_beside_it(bundle: Path) -> None:
    first = passed(bundle)["ReleaseId"]
    cache = (bundle / MODULE).parent / "__pycache__"
    cache.mkdir()
    (cache / "module.cpython-313.pyc").write_bytes(b"1")
    assert passed(bundle)["ReleaseId"] == first
    assert passed(bundle, "ReleaseId=mine")["ReleaseId"] == first


def test_values_come_from_the_template_samconfig_and_the_command_line(bundle: Path) -> None:
    values = passed(bundle, "Stage=test")
    assert (values["Stage"], values["KillSwitch"], values["JwtIssuer"]) == ("test", "false", "https://issuer")
    values = passed(bundle, config_env="prod")
    assert (values["Stage"], values["AccountDailyBudgetCaps"]) == ("prod", "USD:5000,EUR:4000")


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("Killswitch=true", "no parameter named Killswitch"),
        ("KillSwitch", "KillSwitch"),
        ("KillSwitch=yes", "KillSwitch must be one of"),
        ("Stage=Prod", "Stage must be of the form"),
        ("MaxBudgetStepPercent=90", "MaxBudgetStepPercent must be at most 50"),
        ("AccountDailyBudgetCaps=USD:5000;EUR:4000", "AccountDailyBudgetCaps must be of the form"),
        ("AccountDailyBudgetCaps=USD:5,000", "AccountDailyBudgetCaps must be of the form"),
        ("PlatformCallLimits=meta=9000", "PlatformCallLimits must be of the form"),
        ("PreloadPlatforms=meta,google_ads", "PreloadPlatforms must be of the form"),
        ("SpecialAdCategories=NONE,HOUSING", "SPECIAL_AD_CATEGORIES: .*stands alone"),
        ("VpcId=vpc-1", "VpcId needs SubnetIds"),
        ("WafRequestLimit=5", "WafRequestLimit"),
    ],
)
def test_a_value_that_would_do_nothing_or_stop_every_function_is_refused(override: str, named: str) -> None:
    name, _, value = override.partition("=")
    with pytest.raises((TemplateError, SettingsError), match=named):
        check(TEMPLATE, {**VALUES, name: value})


def test_values_are_checked_before_anything_is_deployed(bundle: Path) -> None:
    """SAM overlooks parameters that the template does not know."""
    with pytest.raises(SystemExit, match=r"nothing was deployed: .* no parameter named Killswitch"):
        deploy_arguments(bundle, "default", ["Killswitch=true"])


def test_a_section_that_is_not_there_or_lacks_values_is_refused(bundle: Path) -> None:
    with pytest.raises(SystemExit, match=r"no section \[prdo.deploy.parameters\]; there are default, prod"):
        deploy_arguments(bundle, "prdo", [])
    with pytest.raises(SystemExit, match="AccountDailyBudgetCaps, JwksUrl, JwtAudience, JwtIssuer"):
        deploy_arguments(bundle, "empty", [])


def test_versions_that_nobody_calls_any_more_are_deleted() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        resources = transform(ROOT / "template.yaml", {"Stage": "dev", "ReleaseId": "r"}, [])["Resources"]
    policies = {
        item["DeletionPolicy"] for item in resources.values() if item["Type"] == "AWS::Lambda::Version"
    }
    assert policies == {"Delete"}


def test_the_section_of_the_guide_can_be_deployed(bundle: Path) -> None:
    (section,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "going-live.md").read_text(), re.DOTALL)
    (bundle / "samconfig.toml").write_text(section)
    values = passed(bundle, config_env="prod")
    assert (values["Stage"], values["JwtRolesClaim"]) == ("prod", "roles")
    # The CLI takes nothing of another section.
    own = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]["deploy"]["parameters"]
    given = tomllib.loads(section)["prod"]["deploy"]["parameters"]
    assert own.keys() - {"confirm_changeset"} <= given.keys()
    assert given["capabilities"] == own["capabilities"]
