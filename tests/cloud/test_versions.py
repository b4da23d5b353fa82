"""Published versions: what an alias serves is code and variables as they were when it was published."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local import cloud as local_cloud
from local.cloud import Cloud, CloudError
from local.cloud.workers.forks import BARE
from tests.cloud.support import FIXTURES


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the fixture template and its code, to be changed."""
    folder = tmp_path_factory.mktemp("versions") / "fixtures"
    return Path(shutil.copytree(FIXTURES, folder)) / "template.yaml"


@pytest.fixture(scope="module")
def own_cloud(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(BARE, "1")
        running = local_cloud.start(tmp_path_factory.mktemp("cloud"), template=template)
    with running:
        yield running


def said(cloud: Cloud) -> tuple[str, str]:
    """The word in the function's variables and the greeting in its layer, through API and alias."""
    url = cloud.info["api_url"] + "/v1/open"
    headers = httpx.get(url, params={"mode": "words"}, timeout=600, verify=False).headers
    return headers["x-word"], headers["x-greeting"]


def write_greeting(template: Path, text: str) -> None:
    module = template.parent / "layers" / "shared" / "fixture_layer" / "__init__.py"
    module.write_text(f'GREETING = "{text}"\n')


def test_the_alias_serves_what_was_published_until_the_release_changes(
    own_cloud: Cloud, template: Path
) -> None:
    assert said(own_cloud) == ("first", "hello from the layer")
    write_greeting(template, "new code")
    own_cloud.deploy(Word="second", ReleaseId="one")
    assert said(own_cloud) == ("second", "new code")
    write_greeting(template, "newer code")
    own_cloud.deploy(Word="third", ReleaseId="one")
    assert said(own_cloud) == ("second", "new code")
    own_cloud.deploy(Word="third", ReleaseId="two")
    assert said(own_cloud) == ("third", "newer code")


@pytest.mark.slow
def test_the_release_follows_layer_and_parameters_by_itself(own_cloud: Cloud, template: Path) -> None:
    releases = []
    for text, word in (("a", "x"), ("b", "x"), ("b", "y"), ("b", "y")):
        write_greeting(template, text)
        releases.append(own_cloud.deploy(Word=word)["ReleaseId"])
        assert said(own_cloud) == (word, text)
    assert len(set(releases)) == 3
    assert releases[2] == releases[3]


@pytest.mark.slow
def test_what_cannot_be_changed_is_refused(own_cloud: Cloud, template: Path) -> None:
    changed = template.with_name("changed.yaml")
    changed.write_text(template.read_text().replace("VisibilityTimeout: 60", "VisibilityTimeout: 61"))
    with pytest.raises(CloudError, match="Queue: the local cloud cannot change a AWS::SQS::Queue"):
        own_cloud.deploy(changed)
