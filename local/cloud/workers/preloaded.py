"""Imported last by the process that is forked: what it holds then is shared by all forks.

The module's models are half of what a function imports for itself. They depend on nothing but their source,
so a fork keeps them while its layer holds the same source; else it imports its own.
"""

import gc
import importlib
import pkgutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PACKAGE = "campaign_automation"
Stamps = dict[str, tuple[int, int]]


def keep_or_forget(layers: Iterable[Path]) -> None:
    """Let what is still to be imported come from the layer; forget the models where they are others there."""
    folder = next((layer / PACKAGE for layer in layers if (layer / PACKAGE).is_dir()), None)
    if folder is None or _LOADED is None or _stamps(folder) != _LOADED[1]:
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]
        return
    for name, module in sys.modules.items():
        if name.partition(".")[0] == PACKAGE and hasattr(module, "__path__"):
            module.__path__ = [str(folder.joinpath(*name.split(".")[1:]))]


def _stamps(folder: Path) -> Stamps:
    """Return size and time of each source file. A published version is a copy that keeps both."""
    states = ((path, path.stat()) for path in folder.rglob("*.py"))
    return {str(path.relative_to(folder)): (state.st_size, state.st_mtime_ns) for path, state in states}


def _load() -> tuple[Path, Stamps]:
    models = importlib.import_module(f"{PACKAGE}.models")
    for found in pkgutil.walk_packages(models.__path__, f"{models.__name__}."):
        importlib.import_module(found.name)
    folder = Path(models.__path__[0]).parent
    return folder, _stamps(folder)


_LOADED: tuple[Path, Stamps] | None = None
# A source that is being edited may not import; each fork says so for itself.
with suppress(Exception):
    _LOADED = _load()
gc.freeze()
