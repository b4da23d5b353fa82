"""The samples of events/: what docs/events.md shows is what the local cloud answers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from local import cloud as local_cloud
from local import events
from local.cloud import Cloud
from local.cloud.workers.worker import TIME_LIMITS

# Their answers depend on nothing that other tests may have made.
ALONE = ("authorizer", "get_campaign_status", "get_openapi")


@pytest.mark.parametrize("name", ALONE)
def test_an_event_has_the_answer_that_is_shown(cloud: Cloud, name: str) -> None:
    assert events.section(name, events.answer_of(cloud.info, name)) in events.PAGE.read_text()


@pytest.fixture(scope="module")
def fresh_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TIME_LIMITS, "20")
        running = local_cloud.start(tmp_path_factory.mktemp("events"), parameters=events.AS_UP)
    with running:
        yield running


def test_make_up_deploys_what_the_page_is_written_with() -> None:
    (command,) = re.findall(r"-m local up .* --parameters (.*)", (events.ROOT / "Makefile").read_text())
    assert dict(pair.split("=") for pair in command.split()) == events.AS_UP


@pytest.mark.slow
def test_every_event_has_the_answer_that_is_shown(fresh_cloud: Cloud) -> None:
    assert events.page(fresh_cloud.info) == events.PAGE.read_text()
