"""A function's first event needs no SDK and no client that its start did not load."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cold_start import PLATFORM_LAYERS, PROGRAM, functions, late, layers_of
from local.cloud import Cloud
from local.cloud.aws import CREDENTIALS, REGION
from local.cloud.instance import SAM_ENVIRONMENT
from tests.support.cuts import cut

ROOT = Path(__file__).parents[2]
FUNCTIONS = dict(functions())
SDKS_OF = {
    "MetaDependenciesLayer": ("facebook_business.api",),
    "GoogleDependenciesLayer": ("google.ads.googleads", "grpc"),
    "GeminiDependenciesLayer": ("google.generativeai",),
    "StatisticsDependenciesLayer": ("numpy", "scipy.special"),
}
OF_NO_PLATFORM = "ReconcileRulesFunction"  # the cut: one with SDKs takes seven seconds


def variables_of(cloud: Cloud, name: str) -> Mapping[str, str]:
    known: dict[str, Any] = json.loads((cloud.directory / SAM_ENVIRONMENT).read_text())
    variables = {**known[name], "CLOCK_URL": ""}
    if set(layers_of(FUNCTIONS[name])) >= PLATFORM_LAYERS:
        variables["PRELOAD_PLATFORMS"] = "meta,tiktok,google"  # the template's default
    return variables


@pytest.mark.parametrize("name", cut(list(FUNCTIONS), OF_NO_PLATFORM))
def test_the_first_event_needs_nothing_that_the_start_did_not_load(cloud: Cloud, name: str) -> None:
    folder = ROOT / FUNCTIONS[name]["CodeUri"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT / "events" / f"{folder.name}.json")],
        cwd=folder,
        env={**CREDENTIALS, **variables_of(cloud, name), "AWS_DEFAULT_REGION": REGION},
        capture_output=True,
        text=True,
    )
    measured = [line for line in done.stdout.splitlines() if line.startswith("measured ")]
    assert measured, done.stderr
    _, _, needed, loaded = json.loads(measured[0].removeprefix("measured "))
    assert late(needed) == []
    # An event for a campaign that nobody knows comes to no platform: the start has its SDK all the same.
    assert {sdk for layer in layers_of(FUNCTIONS[name]) for sdk in SDKS_OF.get(layer, ())} <= set(loaded)
