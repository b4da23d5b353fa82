"""Imported last by the process that is forked: what it holds then is shared by all forks.

Most of what a function imports of the module itself depends on nothing but its source, so a fork keeps it
while its layer holds the same source; else it imports its own. What imports the logger depends on the
function's variables too, and is left to each fork.
"""

import gc
import importlib
import pkgutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import boto3

from local.cloud.aws import CREDENTIALS, REGION, read_descriptions_once

PACKAGE = "campaign_automation"
OF_VARIABLES = f"{PACKAGE}.utils.observability"
SERVICES = ("dynamodb", "lambda", "scheduler", "secretsmanager", "sns", "stepfunctions")
Stamps = dict[str, tuple[int, int]]


def keep_or_forget(layers: Iterable[Path]) -> None:
    """Let what is still to be imported come from the layer; forget what was where it is another there."""
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
    package = importlib.import_module(PACKAGE)
    sys.modules[OF_VARIABLES] = None  # type: ignore[assignment]  # so that whoever imports it fails
    try:
        for found in pkgutil.walk_packages(package.__path__, f"{PACKAGE}."):
            with suppress(ImportError):
                importlib.import_module(found.name)
    finally:
        del sys.modules[OF_VARIABLES]
    folder = Path(package.__path__[0])
    return folder, _stamps(folder)


def _describe_services() -> None:
    """Read what clients of AWS are made from, for all forks."""
    read_descriptions_once()
    session = boto3.session.Session(
        CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"], region_name=REGION
    )
    for service in SERVICES:
        session.client(service)


_LOADED: tuple[Path, Stamps] | None = None
# A source that is being edited may not import; each fork says so for itself.
with suppress(Exception):
    _LOADED = _load()
_describe_services()
gc.freeze()
