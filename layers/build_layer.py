"""Installs one layer's requirements for Lambda's Python, takes out what no function needs, adds bytecode.

Usage: build_layer.py NAME ARCH TARGET, run in a copy of layers/. NAME is Core, Meta, ...
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PYTHON_VERSION = "3.13"
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}

# boto3 comes with the runtime. aiohttp, pycountry and the parameter builder serve only Meta's Conversions
# API; the discovery documents are 109 MiB that generate_content never opens.
UNUSED = (
    "boto3*",
    "botocore*",
    "s3transfer*",
    "bin",
    "examples",  # of google-ads
    "googleapiclient/discovery_cache/documents",
    "google/ads/googleads/v2[3-5]",  # one API version is called, the others are 16 MiB each
    "google/ai/generativelanguage_v1",
    "google/ai/generativelanguage_v1alpha",
    "google/ai/generativelanguage_v1beta2",
    "google/ai/generativelanguage_v1beta3",
    "facebook_business/adobjects/userexportforcam.py",  # not valid Python in 26.0.3
    *(
        f"{name}*"
        for name in ("aiohttp", "pycountry", "capi_param_builder", "yarl", "multidict", "frozenlist")
    ),
    *(f"{name}*" for name in ("propcache", "aiosignal", "aiohappyeyeballs", "curlify")),
)
UNUSED_ANYWHERE = ("tests", "test", "__pycache__")
UNUSED_SUFFIXES = {".pyi", ".pxd", ".pyx", ".h", ".c", ".a"}
# Metadata that importlib.metadata reads; numpy's subpackages stay, scipy imports them.
KEPT_METADATA = {"METADATA", "WHEEL", "entry_points.txt"}


def main(name: str, arch: str, target: Path) -> None:
    requirements = Path(f"{name.lower()}_dependencies/requirements.txt")
    install(requirements, arch, target)
    prune(target)
    compile_bytecode(target)


def install(requirements: Path, arch: str, target: Path) -> None:
    """uv resolves for another platform from any interpreter; pip does too, given both wheel families."""
    machine = MACHINES[arch]
    common = ["install", "--quiet", "--no-deps", "--target", str(target), "--python-version", PYTHON_VERSION]
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if uv:
        platform = ["--python-platform", f"{machine}-manylinux_2_28"]
        command = [uv, "pip", *common, *platform, "--python", sys.executable]
    else:
        platforms = [f"--platform={family}_{machine}" for family in ("manylinux_2_28", "manylinux2014")]
        command = [sys.executable, "-m", "pip", *common, *platforms, "--implementation=cp"]
    subprocess.run([*command, "--only-binary=:all:", "--require-hashes", "-r", str(requirements)], check=True)


def prune(target: Path) -> None:
    for pattern in UNUSED:
        for path in target.glob(pattern):
            remove(path)
    for path in sorted(target.rglob("*"), reverse=True):
        metadata = path.parent.name.endswith(".dist-info") and path.name not in KEPT_METADATA
        if path.name in UNUSED_ANYWHERE or path.suffix in UNUSED_SUFFIXES or metadata:
            remove(path)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def compile_bytecode(target: Path) -> None:
    """Lambda's folders are read-only: without bytecode every cold start compiles anew (2 to 3.5 times)."""
    python = shutil.which(f"python{PYTHON_VERSION}")
    current = f"{sys.version_info.major}.{sys.version_info.minor}"
    if current == PYTHON_VERSION:
        python = sys.executable
    check = [python or "", "-c", "import sys"]
    if not python or subprocess.run(check, capture_output=True, check=False).returncode:
        sys.stderr.write(f"no Python {PYTHON_VERSION} here: the layer gets no bytecode and starts slower\n")
        return
    options = ["-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([python, "-m", "compileall", *options, str(target)], check=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
