"""`make lock`: resolves requirements.lock anew, and from it the requirements of each dependency layer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
UV = str(Path(sys.executable).with_name("uv"))
COMMON = ["--quiet", "--generate-hashes", "--no-header", "--no-emit-index-url", "--no-annotate"]
# The layers by the extra of pyproject.toml that each one holds; core is what every function needs.
LAYERS = {
    "core": None,
    "meta": "meta",
    "google": "google",
    "gemini": "gemini",
    "statistics": "statistics",
    "auth": "auth",
}


def main() -> None:
    compile_requirements(LOCK, "--universal", "--python-version", "3.11", "--all-extras")
    core: set[str] = set()
    for layer, extra in LAYERS.items():
        target = layer_requirements(layer)
        options = ["--extra", extra] if extra else []
        # The lock as constraint: a layer holds exactly the versions that the tests ran with.
        platform = ["--python-version", "3.13", "--python-platform", "aarch64-manylinux_2_28"]
        compile_requirements(target, "--constraint", str(LOCK), *platform, *options)
        blocks = requirement_blocks(target.read_text())
        core = core or set(blocks)
        kept = {name: block for name, block in blocks.items() if layer == "core" or name not in core}
        target.write_text("".join(kept.values()))


def layer_requirements(layer: str) -> Path:
    return ROOT / "layers" / f"{layer}_dependencies" / "requirements.txt"


def compile_requirements(target: Path, *options: str) -> None:
    command = [UV, "pip", "compile", *COMMON, *options, "pyproject.toml", "--output-file", str(target)]
    subprocess.run(command, cwd=ROOT, check=True)


def requirement_blocks(text: str) -> dict[str, str]:
    """Each requirement with its hashes, by its line "name==version"."""
    blocks: dict[str, str] = {}
    for line in text.splitlines(keepends=True):
        if line[:1].isalnum():
            current = line.split()[0]
            blocks[current] = ""
        blocks[current] += line
    return blocks


if __name__ == "__main__":
    main()
