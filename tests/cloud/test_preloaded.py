"""Functions start with what the process before them imported, if their layer holds the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, sys
from pathlib import Path
sys.modules |= dict.fromkeys(["facebook_business", "google.ads", "google.generativeai", "grpc", "scipy"])
from local.cloud.workers import preloaded

layer = Path(sys.argv[1])
loaded = sys.modules["campaign_automation.models.common"]
preloaded.keep_or_forget([layer])
import campaign_automation.models.common, campaign_automation.utils.observability as later
print(campaign_automation.models.common is loaded, Path(later.__file__).is_relative_to(layer))
source = layer / "campaign_automation" / "models" / "common.py"
source.write_text(source.read_text() + "EDITED = True\\n")
sys.path.insert(0, str(layer))
preloaded.keep_or_forget([layer])
import campaign_automation.models.common as own
print(own is loaded, own.EDITED)
"""


def test_modules_are_kept_while_their_source_is_that_of_the_layer(tmp_path: Path) -> None:
    layer = shutil.copytree(ROOT / "layers" / "shared", tmp_path / "layer")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(layer)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.split("\n")[:2] == ["True True", "False True"], done.stderr
