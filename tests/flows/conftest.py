"""Both engines of the table, for flows through the module in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cuts import cut
from tests.support.module import Engine


@pytest.fixture(params=cut(["dynamodb", "sqlite"], "sqlite"))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """The variables that choose the engine."""
    is_embedded = request.param == "sqlite"
    return {"TABLE_NAME": None, "CAMPAIGN_AUTOMATION_HOME": str(tmp_path)} if is_embedded else {}
