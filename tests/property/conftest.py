"""The module against the real sandbox, with its table and secrets in this process: fast enough for hundreds
of whole creations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaign_automation.stores.engines import dynamodb
from campaign_automation_testing.processes import RunningSandbox
from local.cloud import Cloud
from local.cloud.moto_aws.seams import quicken_dynamodb
from tests.support.in_process import aws_in_process, cloud_of
from tests.support.table import make_table, one_at_a_time


@pytest.fixture(scope="session")
def cloud(campaign_sandbox_process: RunningSandbox) -> Cloud:
    """The part of the local cloud that the module in one process needs: the sandbox, and settings."""
    return cloud_of(campaign_sandbox_process)


@pytest.fixture(scope="module")
def module_settings(cloud: Cloud) -> Iterator[None]:
    """The functions' settings, but AWS is moto in this process; no model and no cache. No longer than for a
    file: moto shares what it holds with whatever else runs in this process."""
    quicken_dynamodb()
    with aws_in_process(cloud) as patch:
        patch.setattr(dynamodb, "_translated", one_at_a_time(dynamodb._translated))
        make_table()
        yield
