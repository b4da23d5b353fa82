"""`make deploy`: deploy the built bundle under an id that changes with everything a deployment may change.

A function's alias moves only when a version is published, and the template publishes one for each new
ReleaseId. SAM alone would look at a function's own folder and overlook its layers and parameters.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from campaign_automation.settings import SettingsError, parse_settings
from local.built import differences
from local.cloud.stack.intrinsics import TemplateError, parameter_values
from local.source import parsed

ROOT = Path(__file__).parents[1]
BUILT = Path(".aws-sam/build")
# `sam build` leaves these where they are; layers and template are below BUILT.
SOURCES = (BUILT, Path("functions"), Path("statemachines"))
PARAMETER = "ReleaseId"
_LEAST_WAF_LIMIT = 10  # of AWS WAF's rules by rate


def release_id(paths: Iterable[Path], parameters: Mapping[str, str]) -> str:
    """Return a hash over the files at and below `paths` and all values of `parameters` but the id itself."""
    values = sorted((name, value) for name, value in parameters.items() if name != PARAMETER)
    digest = hashlib.sha256(json.dumps(values).encode())
    for name, file in sorted(_files(paths)):
        digest.update(f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:32]


def _files(paths: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Files by their names below each path. Bytecode follows from its source and differs without reason."""
    for path in paths:
        if path.is_file():
            yield path.name, path
        for file in path.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                yield f"{path.name}/{file.relative_to(path)}", file


def deploy_arguments(root: Path, config_env: str, overrides: Sequence[str]) -> list[str]:
    """Return the arguments of `sam deploy` for the bundle built in `root`.

    Parameter values come from `config_env` in samconfig.toml, then from `overrides` ("Name=value"). All
    are passed, the template's defaults too, so that what is deployed is what was hashed. Raises SystemExit
    when the section is not there, or with what is wrong with a value.
    """
    template = parsed((root / BUILT / "template.yaml").read_text())
    values = {**_defaults(template), **_pairs(_configured(root, config_env)), **_pairs(overrides)}
    try:
        check(template, values)
    except (TemplateError, SettingsError) as error:
        raise SystemExit(f"nothing was deployed: {error}") from None
    values[PARAMETER] = release_id([root / path for path in SOURCES], values)
    passed = [f"{name}={json.dumps(value)}" for name, value in values.items()]
    tags = ["project=campaign-automation", f"stage={values['Stage']}"]
    return ["deploy", "--config-env", config_env, "--tags", *tags, "--parameter-overrides", *passed]


def check(template: Mapping[str, Any], values: Mapping[str, str]) -> None:
    """Check parameter values as CloudFormation would, and as every function does when it starts.

    SAM overlooks names that the template does not know, and a wrong setting is found by functions that do not
    start any more, those that pause included. Raises TemplateError or SettingsError.
    """
    parameter_values(template["Parameters"], {**values, PARAMETER: "check"})
    if values.get("VpcId") and not values.get("SubnetIds"):
        raise TemplateError("parameter VpcId needs SubnetIds")
    if 0 < float(values.get("WafRequestLimit", 0)) < _LEAST_WAF_LIMIT:
        raise TemplateError(f"parameter WafRequestLimit must be 0, or at least {_LEAST_WAF_LIMIT}")
    parse_settings(dict(_variables(template, values)))


def _variables(template: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the functions' variables that are parameters, with their values."""
    holders = [
        template["Globals"]["Function"],
        *(item["Properties"] for item in template["Resources"].values()),
    ]
    for holder in holders:
        for name, value in holder.get("Environment", {}).get("Variables", {}).items():
            if isinstance(value, dict) and value.get("Ref") in values:
                yield name, values[value["Ref"]]


def _defaults(template: Mapping[str, Any]) -> dict[str, str]:
    declared = template["Parameters"]
    return {name: str(spec["Default"]) for name, spec in declared.items() if "Default" in spec}


def _configured(root: Path, config_env: str) -> list[str]:
    configuration = tomllib.loads((root / "samconfig.toml").read_text())
    sections = {
        name: section["deploy"].get("parameters", {})
        for name, section in configuration.items()
        if isinstance(section, dict) and "deploy" in section
    }
    if config_env not in sections:
        raise SystemExit(
            f"samconfig.toml has no section [{config_env}.deploy.parameters]; there are {', '.join(sections)}"
        )
    given = sections[config_env].get("parameter_overrides", [])
    return shlex.split(given) if isinstance(given, str) else list(given)


def _pairs(texts: Iterable[str]) -> dict[str, str]:
    """`Name=value` as SAM writes it, with or without quotes around the value."""
    pairs = (text.partition("=") for text in texts)
    return {name: value.removeprefix('"').removesuffix('"') for name, _, value in pairs}


def main(argv: Sequence[str]) -> int:
    """Run `sam deploy` and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.release", description=main.__doc__)
    parser.add_argument("--sam", default="sam", help="the SAM CLI")
    parser.add_argument("--config-env", default="default", help="section of samconfig.toml")
    parser.add_argument("parameters", nargs="*", help="Name=value, before what samconfig.toml says")
    given = parser.parse_args(argv)
    if difference := next(differences(ROOT / BUILT), None):
        raise SystemExit(f"{difference}; build again")
    arguments = deploy_arguments(ROOT, given.config_env, given.parameters)
    return subprocess.run([given.sam, *arguments], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
