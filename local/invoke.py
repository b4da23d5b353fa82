"""`make invoke EVENT=events/create_campaign.json`: one function and event against the running local cloud.

Under the SAM CLI in a container where Docker runs and `make build` was made, else in the local cloud's own
runtime. Which of them answered is said on stderr; the answer alone goes to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from local.built import differences
from local.cloud import instance
from local.cloud.aws import CREDENTIALS, REGION
from local.release import BUILT
from local.source import template

ROOT = Path(__file__).parents[1]
STACK = "campaign-automation-local"


def main(argv: Sequence[str]) -> int:
    """Invoke the event's function and return the exit code: 1 when it failed."""
    parser = argparse.ArgumentParser(prog="python -m local invoke", description=main.__doc__)
    parser.add_argument("event", type=Path, help="a file of events/")
    parser.add_argument("--function", help="its logical id; the event's name tells it where it is left out")
    parser.add_argument("--dir", type=Path, default=ROOT / ".local", help="where its state is kept")
    given = parser.parse_args(argv)
    if not given.event.is_file():
        raise SystemExit(f"there is no file {given.event}")
    function = given.function or function_of(given.event)
    info = instance.read(given.dir)
    if not info:
        raise SystemExit("no local cloud runs; `make up` starts one")
    if (reason := why_not_sam()) is None:
        print(f"{function} in a container of the SAM CLI", file=sys.stderr)
        return by_sam(function, given.event)
    print(f"{function} in the local cloud's own runtime: {reason}", file=sys.stderr)
    answer, error = invoke(info, function, json.loads(given.event.read_text()))
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    return 1 if error else 0


def function_of(event: Path) -> str:
    """Return the logical id of the function in the folder of the event's name, or the first of several.

    Raises SystemExit when there is none.
    """
    found = next((name for name, folder in functions() if folder == event.stem), None)
    if found is None:
        raise SystemExit(f"no function is in functions/{event.stem}/; name one by FUNCTION=")
    return found


@cache
def functions() -> list[tuple[str, str]]:
    """Return logical id and folder of each function of the template."""
    return [
        (name, Path(resource["Properties"]["CodeUri"]).name)
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    ]


def sam_cli() -> str | None:
    """Return the SAM CLI of `make build`, else the one on PATH, else None."""
    own = ROOT / ".venv-sam" / "bin" / "sam"
    return str(own) if own.exists() else shutil.which("sam")


def why_not_sam() -> str | None:
    """Return the reason that the SAM CLI cannot run functions here, or None when it can."""
    if sam_cli() is None:
        return "there is no SAM CLI, `make build` brings one"
    if not (ROOT / BUILT / "template.yaml").exists():
        return "nothing is built, see `make build`"
    if difference := next(differences(ROOT / BUILT), None):
        return f"{difference}, see `make build`"
    docker = shutil.which("docker")
    if docker is None:
        return "there is no Docker"
    if subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        return "Docker's daemon does not answer"
    return None


def by_sam(function: str, event: Path) -> int:
    """Run `sam local invoke`; samconfig.toml names the variables and the parameters.

    It exits with 0 when the handler fails too, so the answer is read.
    """
    command = [sam_cli() or "sam", "local", "invoke", function, "--event", str(event.resolve())]
    environment = {**os.environ, **CREDENTIALS, "SAM_CLI_TELEMETRY": "0"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    return done.returncode or int('"errorType"' in done.stdout)


def invoke(info: dict[str, Any], function: str, event: Any) -> tuple[Any, str | None]:
    """Invoke in the local cloud; gives the answer, and the kind of error when the handler failed."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "lambda",
        endpoint_url=info["aws_endpoint"],
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(read_timeout=600, retries={"max_attempts": 0}),
    )
    try:
        answer = client.invoke(FunctionName=f"{STACK}-{function}", Payload=json.dumps(event))
    except client.exceptions.ResourceNotFoundException:
        raise SystemExit(f"the local cloud has no function {function}") from None
    return json.load(answer["Payload"]), answer.get("FunctionError")
