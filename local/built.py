"""`make build`'s last step: the built template says itself for which architecture its layers are.

`sam local invoke` and `make deploy` take it from there, so nobody has to repeat what was built.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ARCHITECTURE = re.compile(r"(\n  Architecture:\n    Type: String\n    Default: )\S+(?=\n)")


def with_architecture(template: str, architecture: str) -> str:
    """Return the built template with that default; ValueError when it has no such parameter."""
    text, found = ARCHITECTURE.subn(rf"\g<1>{architecture}", template)
    if found != 1:
        raise ValueError("the built template has no parameter Architecture with a default")
    return text


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_architecture(path.read_text(), sys.argv[2]))
