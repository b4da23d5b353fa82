"""Template, functions, actions, events, layers and lock say the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from campaign_automation.actions import ACTIONS
from campaign_automation.api.openapi import document
from layers.build_layer import UNUSED, UNUSED_ANYWHERE, UNUSED_SUFFIXES

ROOT = Path(__file__).parents[2]
TEMPLATE: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FOLDERS = sorted(path.name for path in (ROOT / "functions").iterdir() if (path / "app.py").exists())
# What Lambda's Python runtime brings along.
RUNTIME = {"boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3", "awslambdaric"}
MAX_FUNCTION_BYTES = 200 * 2**20


FUNCTIONS: dict[str, dict[str, Any]] = {
    name: resource["Properties"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::Serverless::Function"
}
NAMES = sorted(FUNCTIONS)


def folder_of(name: str) -> str:
    return str(FUNCTIONS[name]["CodeUri"]).removeprefix("functions/").removesuffix("/")


def routes() -> Iterator[tuple[str, str, str]]:
    """Method, path and function folder of every route of the template."""
    for name, function in FUNCTIONS.items():
        for event in function.get("Events", {}).values():
            if event["Type"] != "Api":
                continue
            properties = event["Properties"]
            yield properties["Method"].upper(), properties["Path"], folder_of(name)


@pytest.mark.parametrize("name", NAMES)
def test_each_function_is_named_like_its_folder_logged_and_has_an_event(name: str) -> None:
    folder, properties = folder_of(name), FUNCTIONS[name]
    usual = "".join(part.capitalize() for part in folder.split("_")) + "Function"
    # The steps of each platform are a function of their own, from one folder.
    assert name in (usual, *(f"{platform}StepFunction" for platform in ("Meta", "TikTok", "Google")))
    assert properties["Description"]
    assert "FunctionName" not in properties
    groups = [item["Properties"] for item in RESOURCES.values() if item["Type"] == "AWS::Logs::LogGroup"]
    assert any(f"${{{name}}}" in str(group["LogGroupName"]) for group in groups)
    assert all(group["RetentionInDays"] for group in groups)
    json.loads((ROOT / "events" / f"{folder}.json").read_text())


def test_every_folder_is_deployed_and_every_function_has_its_folder() -> None:
    assert {folder_of(name) for name in NAMES} == set(FOLDERS)


def test_each_action_has_a_function_a_route_and_a_row_in_the_readme() -> None:
    documented = {(action.method, action.path): action.name for action in ACTIONS.values()}
    deployed = {(method, path): folder for method, path, folder in routes() if folder != "get_openapi"}
    readme = (ROOT / "README.md").read_text()
    assert len(documented) == len(ACTIONS)
    assert set(documented) == set(deployed)
    for route, action in documented.items():
        # Actions on one kind of thing may share a function.
        handler = (ROOT / f"functions/{deployed[route]}/app.py").read_text()
        assert deployed[route] == action or action in handler
        assert f"| {action} |" in readme


def test_the_openapi_document_resolves_all_its_references() -> None:
    described = document()
    names = set(described["components"]["schemas"])
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert references <= names
    assert {"CreateCampaign", "CampaignCreated", "CampaignStatus", "Error"} <= names
    fields = described["components"]["schemas"]["CreateCampaign"]
    assert fields["additionalProperties"] is False
    assert fields["properties"]["daily_budget"]["type"] == "number"


def test_every_parameter_and_output_is_described() -> None:
    for section in ("Parameters", "Outputs"):
        assert all(item["Description"] for item in TEMPLATE[section].values())


def test_every_variable_of_a_function_is_a_setting() -> None:
    from campaign_automation.settings import Settings

    known = {name.upper() for name in Settings.model_fields}
    theirs = {"AWS_ENDPOINT_URL"}  # read by boto3
    for function in FUNCTIONS.values():
        own = function.get("Environment", {}).get("Variables", {})
        shared = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
        names = {name for name in (*own, *shared) if not name.startswith("POWERTOOLS_")}
        assert names <= known | theirs


# --- layers ------------------------------------------------------------------------------------------


def layer_names(name: str) -> list[str]:
    """Dependency layers of a function, as folders: core and its own."""
    listed = [*TEMPLATE["Globals"]["Function"]["Layers"], *FUNCTIONS[name].get("Layers", [])]
    names = [item["Ref"].removesuffix("DependenciesLayer").lower() for item in listed]
    return [name for name in names if name != "sharedlayer"]


def requirements(layer: str) -> dict[str, str]:
    text = (ROOT / "layers" / f"{layer}_dependencies" / "requirements.txt").read_text()
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", text, re.MULTILINE))


LAYERS = sorted({layer for name in NAMES for layer in layer_names(name)})


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_holds_the_versions_of_the_lock(layer: str) -> None:
    lock: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", (ROOT / "requirements.lock").read_text(), re.M
    ):
        lock.setdefault(name, set()).add(version)
    assert {name: version for name, version in requirements(layer).items() if version not in lock[name]} == {}


# Loads a handler in a process that can import nothing but the standard library and the function's layers.
IMPORT_PROGRAM = """
import importlib.util, sys

allowed = set(sys.argv[2].split()) | set(sys.stdlib_module_names) | {"campaign_automation"}


class Layers:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in allowed and not top.startswith("_"):
            raise ModuleNotFoundError(f"{name} is in no layer of this function", name=name)


sys.meta_path.insert(0, Layers())
spec = importlib.util.spec_from_file_location("app", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
"""


@pytest.mark.parametrize("function", NAMES)
def test_a_function_starts_with_only_what_its_layers_hold(function: str) -> None:
    held = {normal(name) for layer in layer_names(function) for name in requirements(layer)} | RUNTIME
    modules = {
        module
        for module, names in packages_distributions().items()
        if {normal(name) for name in names} & held
    }
    needed = (
        "TABLE_NAME",
        "STATISTICS_FUNCTION_NAME",
        "JWT_ISSUER",
        "JWT_AUDIENCE",
        "META_SECRET_ID",
    )
    own = FUNCTIONS[function].get("Environment", {}).get("Variables", {})
    environment = {
        **({"GEMINI_SECRET_ID": "x"} if "GEMINI_SECRET_ID" in own else {}),
        **dict.fromkeys(needed, "x"),
        "JWKS_URL": "https://issuer.example/keys",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PRELOAD_PLATFORMS": str(own.get("PRELOAD_PLATFORMS", "")),
    }
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_PROGRAM, f"functions/{folder_of(function)}/app.py", " ".join(modules)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# Prints which of the heavy libraries a handler loads while it starts, and every other module.
LOADED_PROGRAM = """
import importlib.util, sys

spec = importlib.util.spec_from_file_location("app", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(*sys.modules)
"""
LAZY = {"numpy", "scipy", "pandas", "boto3", "facebook_business", "google.ads", "google.generativeai", "grpc"}


@pytest.mark.parametrize("function", sorted(set(FOLDERS) - {"statistics"}))
def test_a_function_starts_without_libraries_that_it_did_not_ask_for(function: str) -> None:
    """SDKs, numpy and boto3 are loaded by the part that needs them; each costs a cold start."""
    needed = ("TABLE_NAME", "JWT_ISSUER", "JWT_AUDIENCE")
    environment = {
        **dict.fromkeys(needed, "x"),
        "JWKS_URL": "https://issuer.example/keys",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    done = subprocess.run(
        [sys.executable, "-c", LOADED_PROGRAM, f"functions/{function}/app.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "campaign_automation" in done.stdout.split()
    assert LAZY & set(done.stdout.split()) == set()


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("function", NAMES)
def test_a_function_stays_far_below_lambdas_size_limit(function: str) -> None:
    """Unpacked size with bytecode, which is about as large again as the source it comes from."""
    total = sum(installed_bytes(name) for layer in layer_names(function) for name in requirements(layer))
    assert 0 < total < MAX_FUNCTION_BYTES


@cache
def installed_bytes(name: str) -> int:
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:  # not needed on this machine's platform
        return 0
    total = 0
    for file in files:
        path = Path(str(file))
        pruned = any(parent.match(pattern) for parent in (path, *path.parents) for pattern in UNUSED)
        pruned |= path.parts[0].startswith(tuple(item.rstrip("*") for item in UNUSED if item.endswith("*")))
        if pruned or path.suffix in UNUSED_SUFFIXES | {".pyc"} or set(path.parts) & set(UNUSED_ANYWHERE):
            continue
        total += (file.size or 0) * (2 if path.suffix == ".py" else 1)
    return total
