"""The bridge for functions in containers: at its address is all that their variables name."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest

from local import cloud as local_cloud
from local import invoke as local_invoke
from local.built import with_architecture
from local.cloud import Cloud, bridge
from local.cloud.aws import REGION
from local.invoke import function_of, functions, why_not_sam
from local.source import parse, template
from tests.cloud.support import TEMPLATE

ROOT = Path(__file__).parents[2]
# An address of this machine as a bridge's is, and not the one that servers bind to.
ADDRESS = "127.0.0.2"
LOCAL_COMMANDS = ("local_invoke", "local_start_api", "local_start_lambda")


@pytest.fixture(scope="module")
def bridged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("bridged")
    with local_cloud.start(folder, template=TEMPLATE, bridge=ADDRESS) as running:
        yield running


def variables_of(cloud: Cloud) -> dict[str, dict[str, str]]:
    written: dict[str, dict[str, str]] = json.loads((cloud.directory / "sam-env.json").read_text())
    return written


@pytest.mark.slow
def test_everything_that_a_function_calls_is_reached_at_the_address_of_the_bridge(bridged: Cloud) -> None:
    for variables in variables_of(bridged).values():
        for name, value in variables.items():
            assert name in bridge.NAMES or bridge.LOOPBACK not in value
            for port in re.findall(rf"://{ADDRESS}:(\d+)", value):
                socket.create_connection((ADDRESS, int(port)), timeout=60).close()


@pytest.mark.slow
def test_a_relay_carries_requests_and_answers(bridged: Cloud) -> None:
    endpoint = bridged.info["aws_endpoint"].replace(bridge.LOOPBACK, ADDRESS)
    session = boto3.session.Session("local", "local", region_name=REGION)
    tables = session.client("dynamodb", endpoint_url=endpoint).list_tables()["TableNames"]
    assert bridged.info["environment"]["TABLE_NAME"] in tables


def test_files_of_the_web_platform_are_told_at_the_address_that_was_asked(cloud: Cloud) -> None:
    for host in ("172.17.0.1:4711", "127.0.0.1:4712"):
        assert _creative_url(cloud, host).startswith(f"http://{host}/web_platform/files/")


def _creative_url(cloud: Cloud, host: str) -> str:
    answer = httpx.post(
        cloud.info["sandbox"]["web_platform"] + "/api/v1/mcp",
        headers={
            "Host": host,
            "Authorization": "Bearer sandbox-service-token",
        },
        json={
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "get_creative", "arguments": {"user_id": 123, "creative_id": 1}},
        },
        timeout=600,
    )
    found = re.search(r'"file_url\\*": ?\\*"([^"\\]+)', answer.text)
    assert found, answer.text
    return found[1]


def test_without_a_bridge_nothing_listens_anywhere_but_on_loopback(cloud: Cloud) -> None:
    for variables in variables_of(cloud).values():
        assert ADDRESS not in json.dumps(variables)
    port = httpx.URL(cloud.info["aws_endpoint"]).port
    assert port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((ADDRESS, port), timeout=5)


def test_the_names_inside_tokens_stay_what_they_are() -> None:
    variables = {"JWT_ISSUER": "http://127.0.0.1:8080", "JWKS_URL": "http://127.0.0.1:8080/keys"}
    assert bridge.reached_at("172.17.0.1", variables) == {
        "JWT_ISSUER": "http://127.0.0.1:8080",
        "JWKS_URL": "http://172.17.0.1:8080/keys",
    }
    assert bridge.ports_of(variables) == {8080}


def test_the_bridge_is_an_interface_of_this_machine_or_none() -> None:
    assert bridge._address_of("lo") == bridge.LOOPBACK
    assert bridge._address_of("no-such-device") is None


def test_samconfig_carries_the_variables_and_the_parameters_of_the_local_commands() -> None:
    configured = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]
    parameters = template()["Parameters"]
    for command in LOCAL_COMMANDS:
        given = configured[command]["parameters"]
        assert given["env_vars"] == ".local/sam-env.json"
        names = {pair.partition("=")[0] for pair in given["parameter_overrides"]}
        assert "ReleaseId" in names
        assert names <= set(parameters)


def test_the_built_template_tells_its_architecture() -> None:
    text = "Parameters:\n  Architecture:\n    Type: String\n    Default: arm64\n    AllowedValues: [arm64]\n"
    assert parse(with_architecture(text, "x86_64"))["Parameters"]["Architecture"]["Default"] == "x86_64"
    with pytest.raises(ValueError, match="no parameter"):
        with_architecture("Parameters:\n  Stage:\n    Type: String\n", "arm64")


def test_every_event_names_its_function_by_its_own_name() -> None:
    known = dict(functions())
    for event in (ROOT / "events").glob("*.json"):
        assert known[function_of(event)] == event.stem


@pytest.mark.slow
def test_make_invoke_says_what_answered(bridged: Cloud) -> None:
    if why_not_sam() is None:
        pytest.skip("a container of the SAM CLI answers here")
    event = ROOT / "events" / "outbox.json"
    command = [sys.executable, "-m", "local", "invoke", str(event), "--function", "ProbeFunction"]
    done = subprocess.run(
        [*command, "--dir", str(bridged.directory)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "in the local cloud's own runtime" in done.stderr
    assert json.loads(done.stdout) is not None, done.stderr


@pytest.mark.parametrize(
    ("event", "function", "told"),
    [
        ("outbox", "NoFunction", "no function NoFunction"),
        ("no_event", "ProbeFunction", "no file .*no_event.json"),
    ],
)
@pytest.mark.slow
def test_make_invoke_says_what_it_does_not_find(bridged: Cloud, event: str, function: str, told: str) -> None:
    if why_not_sam() is None:
        pytest.skip("a container of the SAM CLI answers here")
    path = str(ROOT / "events" / f"{event}.json")
    with pytest.raises(SystemExit, match=told):
        local_invoke.main([path, "--function", function, "--dir", str(bridged.directory)])
