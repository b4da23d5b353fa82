"""From a SAM template to plain CloudFormation, offline.

Run as a process of its own (`python -m local.cloud.stack.template`), because the translator takes two seconds
of processor time that the supervisor spends on other imports meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local.cloud.aws import CREDENTIALS
from local.cloud.stack.intrinsics import TemplateError
from local.source import parse

LOCAL_BUCKET = "local"


class TransformProcess:
    """The translator at work on one template in a child process."""

    def __init__(self, path: Path, parameters: Mapping[str, str], later: Sequence[str]) -> None:
        """Start it. `later` names the parameters whose values are not known yet."""
        request = {"path": str(path.resolve()), "parameters": dict(parameters), "later": list(later)}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "local.cloud.stack.template", json.dumps(request)],
            cwd=Path(__file__).parents[3],
            env={**os.environ, **CREDENTIALS},  # the translator refuses to work without a region
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def result(self) -> dict[str, Any]:
        """The CloudFormation template. Raises TemplateError with what the translator said."""
        out, err = self._child.communicate()
        if self._child.returncode:
            raise TemplateError(err.strip().splitlines()[-1] if err.strip() else "the transform failed")
        answer: dict[str, Any] = json.loads(out)
        return answer

    def stop(self) -> None:
        if self._child.poll() is None:
            self._child.kill()
            self._child.communicate()


class _NoManagedPolicies:
    """Stands in for the translator's IAM lookup; policy templates and inline statements need none."""

    def load(self) -> dict[str, str]:
        return {}


def transform(path: Path, parameters: Mapping[str, str], later: Sequence[str]) -> dict[str, Any]:
    """The template at `path` as plain CloudFormation, local folders kept as S3 keys of LOCAL_BUCKET."""
    from samtranslator.translator.transform import transform as sam_transform

    source = parse(path.read_text())
    for resource in source["Resources"].values():
        _inline_local_files(resource, path.parent)
    # The translator bakes a parameter's Default into some properties, which would freeze a value
    # that is passed only at deployment: without a Default it leaves the Ref alone.
    defaults = {
        name: source["Parameters"][name].pop("Default", None)
        for name in later
        if name in source.get("Parameters", {})
    }
    result: dict[str, Any] = sam_transform(source, dict(parameters), _NoManagedPolicies())
    for name, default in defaults.items():
        if default is not None:
            result["Parameters"][name]["Default"] = default
    return result


def _inline_local_files(resource: dict[str, Any], root: Path) -> None:
    properties = resource.get("Properties") or {}
    for name in ("CodeUri", "ContentUri"):
        if isinstance(properties.get(name), str):
            properties[name] = {"Bucket": LOCAL_BUCKET, "Key": str(root / properties[name])}
    if isinstance(properties.get("DefinitionUri"), str):
        properties["Definition"] = parse((root / properties.pop("DefinitionUri")).read_text())


def main(request: Mapping[str, Any]) -> None:
    """Print the transformed template, or end with the translator's reasons as the last line of stderr."""
    from samtranslator.model.exceptions import InvalidDocumentException

    try:
        result = transform(Path(request["path"]), request["parameters"], request["later"])
    except InvalidDocumentException as error:
        sys.exit(f"{error.message} {[cause.message for cause in error.causes]}")
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
