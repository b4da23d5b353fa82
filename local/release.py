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

from local.built import differences

ROOT = Path(__file__).parents[1]
BUILT = Path(".aws-sam/build")
# `sam build` leaves these where they are; layers and template are below BUILT.
SOURCES = (BUILT, Path("functions"), Path("statemachines"))
PARAMETER = "ReleaseId"


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
    are passed, the template's defaults too, so that what is deployed is what was hashed.
    """
    values = {**_defaults(root), **_pairs(_configured(root, config_env)), **_pairs(overrides)}
    values[PARAMETER] = release_id([root / path for path in SOURCES], values)
    passed = [f"{name}={json.dumps(value)}" for name, value in values.items()]
    tags = ["project=campaign-automation", f"stage={values['Stage']}"]
    return ["deploy", "--config-env", config_env, "--tags", *tags, "--parameter-overrides", *passed]


def _defaults(root: Path) -> dict[str, str]:
    from samtranslator.yaml_helper import yaml_parse

    declared = yaml_parse((root / BUILT / "template.yaml").read_text())["Parameters"]
    return {name: str(spec["Default"]) for name, spec in declared.items() if "Default" in spec}


def _configured(root: Path, config_env: str) -> list[str]:
    configuration = tomllib.loads((root / "samconfig.toml").read_text())
    deployment: dict[str, Any] = configuration.get(config_env, {}).get("deploy", {}).get("parameters", {})
    given = deployment.get("parameter_overrides", [])
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
