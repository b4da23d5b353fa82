"""Every deployment publishes a version of each function when anything of it differs, and none otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from local.cloud.stack.template import transform
from local.release import BUILT, deploy_arguments

ROOT = Path(__file__).parents[2]
MODULE = BUILT / "SharedLayer" / "python" / "module.py"
SAMCONFIG = """
version = 0.1
[default.deploy.parameters]
parameter_overrides = 'JwtIssuer="https://issuer" JwksUrl=https://issuer/keys'
[prod.deploy.parameters]
parameter_overrides = ["Stage=prod", 'AccountDailyBudgetCaps="USD:5000,EUR:4000"']
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


def test_versions_that_nobody_calls_any_more_are_deleted() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        resources = transform(ROOT / "template.yaml", {"Stage": "dev", "ReleaseId": "r"}, [])["Resources"]
    policies = {
        item["DeletionPolicy"] for item in resources.values() if item["Type"] == "AWS::Lambda::Version"
    }
    assert policies == {"Delete"}
