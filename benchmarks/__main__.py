"""`python -m benchmarks [name ...]`: run the named modules of this package, or all, and print their tables.

A benchmark is a module with `run() -> str`; a new file needs no entry anywhere.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys

import benchmarks


def names() -> list[str]:
    return sorted(
        module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_")
    )


def main(wanted: list[str]) -> int:
    known = names()
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    os.environ["POWERTOOLS_LOG_LEVEL"] = "ERROR"  # read when a benchmark imports the module
    for name in wanted or known:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"{name}\n{module.run()}\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
