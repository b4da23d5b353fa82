"""CPU seconds of each function's cold start from the built layers: its init, and its first event.

Beside them a naive handler that imports every SDK and the whole module. The handlers call a local cloud, the
time of which does not count. `make build` with this machine's architecture comes first.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks._report import NotMeasuredError, Report
from local import cloud
from local.built import differences
from local.cloud.aws import CREDENTIALS, REGION
from local.cloud.instance import SAM_ENVIRONMENT
from local.release import BUILT
from local.source import template

ROOT = Path(__file__).parents[1]
STARTS = 3
PLATFORM_LAYERS = {"MetaDependenciesLayer", "GoogleDependenciesLayer"}
# Lambda's Python brings these along; the layers hold everything else.
RUNTIME = (
    "boto3 botocore s3transfer jmespath dateutil six.py urllib3 snapshot_restore_py.py awslambdaric".split()
)
ALONE = True  # it needs built layers, and starts each function three times
SDKS = "boto3 botocore facebook_business google.ads grpc google.generativeai numpy scipy redis".split()
PROGRAM = """
import json, sys, time
started = time.process_time()
import app
ready = time.process_time()
loaded = set(sys.modules)
built = []
if creator := sys.modules.get("botocore.client"):
    make = creator.ClientCreator.create_client
    def create_client(self, service_name, *arguments, **options):
        built.append(f"client:{service_name}")
        return make(self, service_name, *arguments, **options)
    creator.ClientCreator.create_client = create_client
context = type("Context", (), dict.fromkeys(
    ("function_name", "memory_limit_in_mb", "invoked_function_arn", "aws_request_id"), "cold-start"))()
try:
    app.lambda_handler(json.load(open(sys.argv[1])), context)
except Exception as error:
    if type(error).__name__ not in ("NotFoundError", "Exception"):
        raise
done = time.process_time()
print("measured", json.dumps([ready - started, done - ready, built + sorted(set(sys.modules) - loaded),
    sorted(loaded)]))
"""
NAIVE = """
import importlib, pkgutil
import boto3, facebook_business.api, google.ads.googleads.client, google.generativeai
import httpx, redis, scipy.stats
import google.ads.googleads.v26.services.types.google_ads_service
import campaign_automation
for module in pkgutil.walk_packages(campaign_automation.__path__, "campaign_automation."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
boto3.client("dynamodb")
def lambda_handler(event, context):
    return {}
"""


class Start(NamedTuple):
    """CPU seconds of init and handler, and the SDKs and clients that the handler was the first to need."""

    init: float
    handler: float
    late: list[str]


def run() -> Report:
    """Medians of three starts; the share is of the naive handler's init."""
    layers = built_layers()
    with tempfile.TemporaryDirectory() as folder, cloud.start(Path(folder) / "cloud") as running:
        bench = _Bench(Path(folder), layers, running)
        naive = bench.median(bench.naive(), list(layers), "get_openapi", {})
        rows = [
            f"{'function':28} {'init':>6} {'share':>6} {'handler':>8}  SDKs first imported by the handler"
        ]
        rows.append(f"{'(naive)':28} {naive.init:6.2f} {1:6.2f}")
        starts = {name: bench.function(name, properties) for name, properties in functions()}
        for name, start in starts.items():
            share = start.init / naive.init
            rows.append(
                f"{name:28} {start.init:6.2f} {share:6.2f} {start.handler:8.2f}  {' '.join(start.late)}"
            )
    figures = {
        "naive.init": naive.init,
        "slowest.init": max(start.init for start in starts.values()),
        "slowest.handler": max(start.handler for start in starts.values()),
        "mean.share": statistics.fmean(start.init for start in starts.values()) / naive.init,
    }
    return Report("\n".join(rows), figures)


def functions() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield logical id and properties of each function of the template."""
    for name, resource in template()["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            yield name, resource["Properties"]


def built_layers() -> dict[str, Path]:
    """Return the folder of each built layer. Raises NotMeasuredError where none is, or for another Python."""
    found = {path.name: path / "python" for path in sorted((ROOT / BUILT).glob("*Layer"))}
    if not found:
        raise NotMeasuredError(f"no layers are built; `make build ARCH={os.uname().machine}` builds them")
    if difference := next(differences(ROOT / BUILT), None):
        raise NotMeasuredError(f"{difference}; build again")
    tag = sys.implementation.cache_tag
    if not any((ROOT / BUILT).glob(f"CoreDependenciesLayer/python/pydantic_core/*.{tag}-*.so")):
        raise NotMeasuredError(f"the layers are built for another Python than this one ({tag})")
    return found


def layers_of(properties: Mapping[str, Any]) -> list[str]:
    own = [layer["Ref"] for layer in properties.get("Layers", [])]
    return ["SharedLayer", "CoreDependenciesLayer", *own]


def late(needed: Sequence[str]) -> list[str]:
    """Return the SDKs and clients among what a handler was the first to need."""
    return sorted(name for name in needed if name in SDKS or name.startswith("client:"))


class _Bench:
    def __init__(self, folder: Path, layers: Mapping[str, Path], running: cloud.Cloud) -> None:
        self._folder, self._layers = folder, layers
        self._variables = json.loads((running.directory / SAM_ENVIRONMENT).read_text())
        self._runtime = folder / "runtime"
        self._runtime.mkdir()
        packages = next(Path(path) for path in sys.path if path.endswith("site-packages"))
        for name in RUNTIME:
            (self._runtime / name).symlink_to(packages / name)

    def naive(self) -> Path:
        folder = self._folder / "naive"
        folder.mkdir()
        (folder / "app.py").write_text(NAIVE)
        return folder

    def function(self, name: str, properties: Mapping[str, Any]) -> Start:
        folder = ROOT / properties["CodeUri"]
        variables = {**self._variables[name], "CLOCK_URL": ""}  # no deployment has one
        if set(layers_of(properties)) >= PLATFORM_LAYERS:
            variables["PRELOAD_PLATFORMS"] = "meta,tiktok,google"  # the template's default
        return self.median(folder, layers_of(properties), folder.name, variables)

    def median(self, folder: Path, layers: list[str], event: str, variables: Mapping[str, str]) -> Start:
        starts = [self._start(folder, layers, event, variables) for _ in range(STARTS)]
        return Start(
            statistics.median(start.init for start in starts),
            statistics.median(start.handler for start in starts),
            starts[0].late,
        )

    def _start(self, folder: Path, layers: list[str], event: str, variables: Mapping[str, str]) -> Start:
        path = [*(str(self._layers[layer]) for layer in layers), str(self._runtime)]
        done = subprocess.run(
            [sys.executable, "-S", "-c", PROGRAM, str(ROOT / "events" / f"{event}.json")],
            cwd=folder,
            env={**CREDENTIALS, **variables, "PYTHONPATH": ":".join(path), "AWS_DEFAULT_REGION": REGION},
            capture_output=True,
            text=True,
        )
        measured = [line for line in done.stdout.splitlines() if line.startswith("measured ")]
        if not measured:
            raise SystemExit(f"{folder.name} did not start:\n{done.stderr}")
        init, handler, imported, _ = json.loads(measured[0].removeprefix("measured "))
        return Start(init, handler, late(imported))
