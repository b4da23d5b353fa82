"""The built bundle: its last step, and whether it is still what was built.

The built template says itself for which architecture its layers are, so `sam local invoke` and `make deploy`
need not be told. Bytecode in built layers is never compared with its source, which starts faster: an edit of
a built file would change nothing, and nobody would notice.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.util import source_hash
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULE = Path("layers/shared/campaign_automation")
BUILT_MODULE = Path("SharedLayer/python/campaign_automation")

ARCHITECTURE = re.compile(r"(\n  Architecture:\n    Type: String\n    Default: )\S+(?=\n)")


def with_architecture(template: str, architecture: str) -> str:
    """Return the built template with that default; ValueError when it has no such parameter."""
    text, found = ARCHITECTURE.subn(rf"\g<1>{architecture}", template)
    if found != 1:
        raise ValueError("the built template has no parameter Architecture with a default")
    return text


def differences(built: Path, root: Path = ROOT) -> Iterator[str]:
    """Yield a line for each way in which the bundle is not what `make build` would make of the source now."""
    for source in sorted(built.rglob("*.py")):
        if is_edited(source):
            yield f"{source.relative_to(built)} was edited after the build, and its bytecode was not"
    ours, theirs = _texts(root / MODULE), _texts(built / BUILT_MODULE)
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield f"{MODULE / name} changed after the build"


def is_edited(source: Path) -> bool:
    """Return whether the bytecode beside a built file is of another text. (PEP 552: flags, then a hash.)"""
    # By the layers' Python, which need not be the one that runs here.
    found = sorted((source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc"))
    if not found:
        return False
    head = found[0].read_bytes()[:16]
    return bool(head[4] & 1) and head[8:] != source_hash(source.read_bytes())


def _texts(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.py")}


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_architecture(path.read_text(), sys.argv[2]))
