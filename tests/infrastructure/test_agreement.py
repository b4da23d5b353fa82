"""Template, functions, actions, events, layers and lock say the same."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from fnmatch import translate
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from posixpath import splitext
from typing import Any

import pytest

from campaign_automation.actions import ACTIONS
from campaign_automation.api.openapi import AS_PAGES, document
from campaign_automation.api.pages.ab_test_report import TEST_PAGES
from campaign_automation.api.pages.account_overview import ACCOUNT_PAGES
from campaign_automation.api.pages.campaign_report import REPORT_PAGES
from campaign_automation.api.pages.proposal import PROPOSAL_PAGES
from campaign_automation.api.pages.rule_report import RULE_PAGES
from layers.build_layer import UNUSED, UNUSED_ANYWHERE, UNUSED_SUFFIXES
from local.source import template
from tests.support.cuts import cut
from tests.support.starts import Starts, starting

ROOT = Path(__file__).parents[2]
TEMPLATE = template()
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FOLDERS = sorted(path.name for path in (ROOT / "functions").iterdir() if (path / "app.py").exists())
# What Lambda's Python runtime brings along.
RUNTIME = {"boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3", "awslambdaric"}
PAGES = {**PROPOSAL_PAGES, **REPORT_PAGES, **TEST_PAGES, **RULE_PAGES, **ACCOUNT_PAGES}
NO_ACTIONS = {"get_openapi", "get_metrics", "mcp"}
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
    assert "LoggingConfig" not in properties
    json.loads((ROOT / "events" / f"{folder}.json").read_text())


def test_every_log_group_is_kept_as_long_as_the_parameter_says() -> None:
    assert TEMPLATE["Globals"]["Function"]["LoggingConfig"]["LogGroup"] == {"Ref": "FunctionsLogGroup"}
    groups = [item["Properties"] for item in RESOURCES.values() if item["Type"] == "AWS::Logs::LogGroup"]
    assert len(groups) == 4
    for group in groups:
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
        assert "KmsKeyId" in group


def test_every_folder_is_deployed_and_every_function_has_its_folder() -> None:
    assert {folder_of(name) for name in NAMES} == set(FOLDERS)


def test_each_action_has_a_function_a_route_and_a_row_in_the_readme() -> None:
    documented = {(action.method, action.path): action.name for action in ACTIONS.values()}
    deployed = {(method, path): folder for method, path, folder in routes() if folder not in NO_ACTIONS}
    assert set(PAGES) <= set(deployed)
    for route in PAGES:
        assert "pages=" in (ROOT / f"functions/{deployed[route]}/app.py").read_text()
    own = set(PAGES) - set(documented)
    deployed = {route: folder for route, folder in deployed.items() if route not in own}
    readme = (ROOT / "README.md").read_text()
    assert len(documented) == len(ACTIONS)
    assert set(documented) == set(deployed)
    for route, action in documented.items():
        # Actions on one kind of thing may share a function.
        handler = (ROOT / f"functions/{deployed[route]}/app.py").read_text()
        assert deployed[route] == action or action in handler
        assert f"| {action} |" in readme


def test_the_openapi_document_tells_which_routes_are_pages_too() -> None:
    both = {
        action.name for route in PAGES for action in ACTIONS.values() if route == (action.method, action.path)
    }
    assert both == set(AS_PAGES)
    paths = document()["paths"]
    assert set(paths["/v1/ab-tests/{test_id}"]["get"]["responses"]["200"]["content"]) == {
        "application/json",
        "text/html",
    }
    # Each page has a route of its own for links, too.
    assert {f"{path}/page" for _, path in PAGES if not path.endswith("/page")} - {"/v1/reports/page"} <= {
        path for _, path in PAGES
    }


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
    # Read by boto3, and by the MCP endpoint, which loads no settings.
    theirs = {"AWS_ENDPOINT_URL", "ACTION_FUNCTIONS"}
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


# Of the callers' functions and of those with libraries of their own; each start takes seconds.
ONE_OF_EACH_KIND = (
    "AuthorizerFunction",
    "GetCampaignStatusFunction",
    "StatisticsFunction",
    "WriteCopyFunction",
)
LAYERS = sorted({layer for name in NAMES for layer in layer_names(name)})


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_holds_the_versions_of_the_lock(layer: str) -> None:
    lock: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", (ROOT / "requirements.lock").read_text(), re.M
    ):
        lock.setdefault(name, set()).add(version)
    assert {name: version for name, version in requirements(layer).items() if version not in lock[name]} == {}


# Parts of the module that need no library beyond those of every function.
SHARED = ("campaign_automation.api.http", "campaign_automation.tasks", "campaign_automation.wiring")


@pytest.fixture(scope="module")
def starts() -> Iterator[Starts]:
    with starting(importable(["core"]), SHARED) as running:
        yield running


def importable(layers: Iterable[str]) -> set[str]:
    """Modules of the layers' libraries and of those that the runtime brings along."""
    held = {normal(name) for layer in layers for name in requirements(layer)} | RUNTIME
    return {module for module, names in distributions().items() if names & held}


@cache
def distributions() -> dict[str, set[str]]:
    """The installed distributions that hold each top-level module."""
    return {module: set(map(normal, names)) for module, names in packages_distributions().items()}


@pytest.mark.parametrize("function", cut(NAMES, *ONE_OF_EACH_KIND))
def test_a_function_starts_with_only_what_its_layers_hold(starts: Starts, function: str) -> None:
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
        "PRELOAD_PLATFORMS": preloaded(own),
    }
    started = starts.start(folder_of(function), environment, importable(layer_names(function)))
    assert started.error == ""


def preloaded(variables: dict[str, Any]) -> str:
    """The platforms whose SDKs the function loads while it starts, as a deployment's defaults say."""
    value = variables.get("PRELOAD_PLATFORMS", "")
    return str(TEMPLATE["Parameters"][value["Ref"]]["Default"] if isinstance(value, dict) else value)


def test_functions_with_the_layers_of_platforms_load_their_sdks_before_the_snapshot() -> None:
    for name, function in FUNCTIONS.items():
        held = {layer for layer in ("meta", "google") if layer in layer_names(name)}
        assert held <= set(preloaded(function.get("Environment", {}).get("Variables", {})).split(",")), name


def test_a_function_cannot_start_with_what_its_layers_do_not_hold(starts: Starts) -> None:
    environment = {"AWS_DEFAULT_REGION": "us-east-1"}
    assert "is in no layer" in starts.start("statistics", environment, ()).error


LAZY = {"numpy", "scipy", "pandas", "facebook_business", "google.ads", "google.generativeai", "grpc"}


@pytest.mark.parametrize(
    "function", cut(sorted(set(FOLDERS) - {"statistics"}), "create_campaign", "platform_step")
)
def test_a_function_starts_without_libraries_that_it_did_not_ask_for(starts: Starts, function: str) -> None:
    """SDKs and numpy are loaded where they are asked for; each costs a cold start."""
    needed = ("TABLE_NAME", "JWT_ISSUER", "JWT_AUDIENCE")
    environment = {
        **dict.fromkeys(needed, "x"),
        "JWKS_URL": "https://issuer.example/keys",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    started = starts.start(function, environment, None)
    assert started.error == ""
    assert "campaign_automation" in started.modules
    assert LAZY & started.modules == set()


OF_OTHER_SUBJECTS = ("accounts", "budget_problem", "budgets", "messages", "rules")


@pytest.mark.parametrize(
    ("function", "others"),
    [
        ("platform_step", [f"models.{name}" for name in OF_OTHER_SUBJECTS]),
        ("write_copy", [f"models.{name}" for name in OF_OTHER_SUBJECTS]),
        ("get_openapi", ["models", "actions"]),
    ],
)
def test_a_function_imports_only_the_modules_of_its_subject(function: str, others: list[str]) -> None:
    with starting(importable(["core"]), ()) as fresh:
        started = fresh.start(function, {"AWS_DEFAULT_REGION": "us-east-1"}, None)
    assert started.error == ""
    assert {f"campaign_automation.{name}" for name in others} & started.modules == set()


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
        record = distribution(name).read_text("RECORD") or ""
    except PackageNotFoundError:  # not needed on this machine's platform
        return 0
    return sum(
        int(size or 0) * (2 if file.endswith(".py") else 1)
        for file, _, size in csv.reader(record.splitlines())
        if not is_pruned(file.removeprefix("../../../"))  # scripts lie in bin
    )


UNUSED_PATHS = re.compile("|".join(translate(form) for path in UNUSED for form in (path, f"{path}/*")))


def is_pruned(file: str) -> bool:
    return (
        UNUSED_PATHS.match(file) is not None
        or splitext(file)[1] in {*UNUSED_SUFFIXES, ".pyc"}
        or not set(UNUSED_ANYWHERE).isdisjoint(file.split("/"))
    )
