"""The registry is the one table of platforms, and no other part of the product names one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import campaign_automation
from campaign_automation.adapters.registry import PLATFORMS
from campaign_automation.models.common import Platform

PACKAGE = Path(campaign_automation.__file__).parent
MAY_NAME_PLATFORMS = (
    "adapters/",
    "models/common.py",  # Platform itself
    "models/campaigns.py",  # the platform of a request that names none
    "settings.py",
    "models/accounts/",  # the default of its requests, that of all requests
    "stores/campaign_rows.py",  # whose creation times an earlier version guessed
    "utils/observability.py",  # "google" is the logger of the vendor's packages
)
NAMES = {platform.value for platform in Platform}


def test_the_registry_knows_every_platform_and_its_facts() -> None:
    assert set(PLATFORMS) == set(Platform)
    for platform, entry in PLATFORMS.items():
        assert entry.facts
        assert {fact.platform for fact in entry.facts} == {platform}


def test_no_other_part_names_a_platform() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if not _may_name(path)]
    assert len(files) > 100
    assert [(path.name, name) for path in files for name in _named(path)] == []


def _may_name(path: Path) -> bool:
    return path.relative_to(PACKAGE).as_posix().startswith(MAY_NAME_PLATFORMS)


def _named(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and node.value in NAMES:
            yield str(node.value)
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "Platform"
        ):
            yield node.attr
