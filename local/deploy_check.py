"""`make deploy-check`: deploys the built bundle to a second emulator, twice with a change between.

The emulator (ministack, of another origin than the local cloud's moto) runs CloudFormation itself, API
Gateway, the authorizer, versions and aliases. What it does not know is left out by name, and a test holds
the transformed template to it instead. It runs in .venv-deploy, an environment of its own.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx

from local.cloud.backing import free_port
from local.cloud.identity import Identity
from local.cloud.stack.template import LOCAL_BUCKET, transform
from local.release import BUILT, PARAMETER, release_id

ROOT = Path(__file__).parents[1]
STACK, STAGE, AUDIENCE, BUCKET = "campaign-automation-check", "check", "campaign-automation", "artifacts"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}
UNPACKAGED, RELEASE = "unpackaged", "another release"  # what a layer says of its version
PATIENCE_SECONDS = 900
# Types that the emulator does not know, or whose properties it refuses. A test checks them on the transformed
# template (tests/infrastructure/test_operations.py); a type that is not listed here fails the check.
UNSUPPORTED = {
    "AWS::CodeDeploy::Application": "it has no CodeDeploy, so aliases move at once",
    "AWS::CodeDeploy::DeploymentGroup": "as above",
    "AWS::EC2::SecurityGroupEgress": "it knows only rules inside their group",
    "AWS::ElastiCache::ServerlessCache": "it knows only clusters of nodes",
    "AWS::WAFv2::WebACLAssociation": "it knows web ACLs, not what they protect",
    "AWS::CloudWatch::Alarm": "of metric maths; alarms of one metric are deployed",
}
# With everything that is optional, so that every resource is looked at.
PARAMETERS = {
    "Stage": STAGE,
    "JwtAudience": AUDIENCE,
    "JwtRolesClaim": "roles",
    "AccountDailyBudgetCaps": "USD:100",
    "VpcId": "vpc-0a1b2c3d",
    "SubnetIds": "subnet-0a1b2c3d,subnet-1a2b3c4d",
    "AccessLogs": "true",
    "WafRequestLimit": "1000",
    "PrometheusMetrics": "true",
    "TableDeletionProtection": "false",
    "SnapStart": "false",  # it would start every function at once
}


def main() -> int:
    """Deploy, ask the API, change a layer and a parameter, deploy and ask again. Return the exit code."""
    with tempfile.TemporaryDirectory() as folder, emulator(Path(folder)) as endpoint:
        bundle = copied(Path(folder) / "bundle")
        with key_set() as identity, httpx.Client(timeout=PATIENCE_SECONDS) as http:
            check = Check(endpoint, bundle, identity, http)
            check.deploy(KillSwitch="false")
            first = check.seen()
            check.expect(first == (UNPACKAGED, False), f"the first deployment answers {first}")
            layer = bundle / "SharedLayer" / "python" / "campaign_automation"
            module = layer / "settings.py"
            module.write_text(module.read_text().replace(f'"{UNPACKAGED}"', f'"{RELEASE}"'))
            # A layer's bytecode is never compared with its source.
            shutil.rmtree(module.parent / "__pycache__", ignore_errors=True)
            check.deploy(KillSwitch="true")
            second = check.seen()
            check.expect(second == (RELEASE, True), f"the second deployment answers {second}")
    print("deployed twice: another layer and KillSwitch changed what the API does")
    return 0


def copied(folder: Path) -> Path:
    """Copy what was built into `folder`, to be changed there; the rest lies beside it as it does here."""
    bundle = Path(shutil.copytree(ROOT / BUILT, folder / BUILT))
    for name in ("functions", "statemachines"):
        (folder / name).symlink_to(ROOT / name)
    return bundle


class Check:
    """One stack in the emulator, and the questions put to its API."""

    def __init__(self, endpoint: str, bundle: Path, identity: Identity, http: httpx.Client) -> None:
        self._endpoint, self._bundle, self._identity, self._http = endpoint, bundle, identity, http
        self._s3, self._cloudformation, self._logs = (
            boto3.client(service, endpoint_url=endpoint) for service in ("s3", "cloudformation", "logs")
        )
        self._s3.create_bucket(Bucket=BUCKET)
        self._is_there = False

    def deploy(self, **parameters: str) -> None:
        """Create or update the stack from the bundle as it is now, under an id as of `make deploy`."""
        values = {
            **PARAMETERS,
            **parameters,
            "JwtIssuer": self._identity.issuer,
            "JwksUrl": f"{self._identity.issuer}/keys",
            "AwsEndpointUrl": self._endpoint,
        }
        sources = (self._bundle, ROOT / "functions", ROOT / "statemachines")
        values[PARAMETER] = release_id(sources, values)
        template = known(transform(self._bundle / "template.yaml", values, ()))
        upload(self._s3, template)
        self._s3.put_object(Bucket=BUCKET, Key="template.json", Body=json.dumps(template).encode())
        ask = self._cloudformation.update_stack if self._is_there else self._cloudformation.create_stack
        ask(
            StackName=STACK,
            TemplateURL=f"{self._endpoint}/{BUCKET}/template.json",
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        self._is_there = True
        status = self._settled()
        self.expect(status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), f"the stack is {status}")

    def _settled(self) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            (stack,) = self._cloudformation.describe_stacks(StackName=STACK)["Stacks"]
            if not stack["StackStatus"].endswith("IN_PROGRESS") or time.monotonic() > deadline:
                return str(stack["StackStatus"])
            time.sleep(0.5)

    def seen(self) -> tuple[str, bool]:
        """The version of the module, from the layer, and the kill switch, from the parameters."""
        version = self._ask("/v1/health", None)["version"]
        limits = self._ask("/v1/limits", self._identity.token("operator_1", roles=["operator"]))
        return version, limits["kill_switch"]

    def _ask(self, path: str, token: str | None) -> Any:
        (stack,) = self._cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        outputs = {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}
        api_id = httpx.URL(outputs["ApiUrl"]).host.partition(".")[0]
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{self._endpoint}/_aws/execute-api/{api_id}/{STAGE}{path}"
        answer = self._http.get(url, headers=headers)
        self.expect(answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            events = self._cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
            failed = [
                f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
                for event in events
                if "FAILED" in event["ResourceStatus"]
            ]
            raise SystemExit("\n".join([f"deploy-check: {otherwise}", *failed, *self._logged()]))

    def _logged(self) -> list[str]:
        """Return the last lines of the functions' logs, which tell why a check failed."""
        groups = [item["logGroupName"] for item in self._logs.describe_log_groups()["logGroups"]]
        events = [
            event
            for group in groups
            for event in self._logs.filter_log_events(logGroupName=group).get("events", [])
        ]
        return [event["message"] for event in sorted(events, key=lambda item: item["timestamp"])[-20:]]


def known(template: dict[str, Any]) -> dict[str, Any]:
    """Return the template without what the emulator does not know, and without what refers to it."""
    resources = template["Resources"]
    kept = {name: item for name, item in resources.items() if not is_unsupported(item)}
    for item in kept.values():
        item.pop("UpdatePolicy", None)  # of CodeDeploy
    return {**template, "Resources": emptied(kept, set(resources) - set(kept))}


def emptied(value: Any, gone: set[str]) -> Any:
    """Return `value` with empty texts for those made of what is `gone`, as the address of a cache."""
    match value:
        case {"Fn::Sub": str(text)} if gone.intersection(re.findall(r"\$\{(\w+)", text)):
            return ""
        case dict():
            return {name: emptied(item, gone) for name, item in value.items()}
        case list():
            return [emptied(item, gone) for item in value]
    return value


def is_unsupported(resource: Mapping[str, Any]) -> bool:
    """Return whether the emulator is spared this resource."""
    if resource["Type"] == "AWS::CloudWatch::Alarm":
        return "Metrics" in resource["Properties"]
    return resource["Type"] in UNSUPPORTED


def upload(s3: Any, template: Mapping[str, Any]) -> None:
    """Put the folders that functions and layers name into the bucket, and name them there."""
    for item in template["Resources"].values():
        for name in ("Code", "Content"):
            place = item.get("Properties", {}).get(name)
            if isinstance(place, dict) and place.get("S3Bucket") == LOCAL_BUCKET:
                folder = Path(place["S3Key"])
                key = f"{folder.name}-{release_id([folder], {})}.zip"
                s3.put_object(Bucket=BUCKET, Key=key, Body=archive(folder))
                place |= {"S3Bucket": BUCKET, "S3Key": key}


def archive(folder: Path) -> bytes:
    """Return the folder as a ZIP file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(folder))
    return content.getvalue()


@contextmanager
def emulator(folder: Path) -> Iterator[str]:
    """Run the emulator on a port of its own; yields its endpoint."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        **CREDENTIALS,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "TMPDIR": str(folder),
    }
    os.environ.update(CREDENTIALS)
    with (folder / "emulator.log").open("wb") as log:
        command = [str(ROOT / ".venv-deploy" / "bin" / "ministack")]
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_up(endpoint):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the emulator did not start:\n{(folder / 'emulator.log').read_text()}")
            time.sleep(0.2)
        yield endpoint
    finally:
        process.terminate()
        process.wait()


def is_up(endpoint: str) -> bool:
    try:
        return httpx.get(f"{endpoint}/_ministack/health").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def key_set() -> Iterator[Identity]:
    """Publish the keys of an issuer of our own."""
    identity: Identity

    class KeySet(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(identity.jwks()).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), KeySet)
    identity = Identity(f"http://127.0.0.1:{server.server_port}", AUDIENCE)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield identity
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    sys.exit(main())
