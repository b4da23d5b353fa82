"""What each function imports of ours and its layers while it starts, without a platform's SDK."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
STARTS = 5
PROGRAM = """
import importlib.util, sys, time
# httpx loads its command line where these are; no layer holds them.
sys.modules.update(dict.fromkeys(("click", "rich")))
started = time.perf_counter()
spec = importlib.util.spec_from_file_location("app", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(time.perf_counter() - started, len(sys.modules))
"""
# As little as the handlers ask for while they start.
ENVIRONMENT = {
    "TABLE_NAME": "x",
    "STATISTICS_FUNCTION_NAME": "x",
    "JWT_ISSUER": "x",
    "JWT_AUDIENCE": "x",
    "JWKS_URL": "https://issuer.example/keys",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def run() -> str:
    """Median seconds of five starts, and how many modules are loaded then."""
    rows = [f"{'function':22} {'seconds':>8} {'modules':>8}"]
    for app in sorted((ROOT / "functions").glob("*/app.py")):
        starts = [_start(app) for _ in range(STARTS)]
        seconds = statistics.median(second for second, _ in starts)
        rows.append(f"{app.parent.name:22} {seconds:8.2f} {starts[0][1]:8}")
    return "\n".join(rows)


def _start(app: Path) -> tuple[float, int]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(app)],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, modules = done.stdout.split()
    return float(seconds), int(modules)
