"""Handlers started one after the other, each in a fork of a process that has loaded what all may load."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

ROOT = Path(__file__).parents[2]
# Imports with the libraries of every function only; a start then costs what is the function's own.
PROGRAM = """
import importlib, importlib.util, json, os, sys, traceback

allowed = {*sys.argv[1].split(), *sys.stdlib_module_names, "campaign_automation"}


class Layers:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if allowed is not None and top not in allowed and not top.startswith("_"):
            raise ModuleNotFoundError(f"{name} is in no layer of this function", name=name)


def start(asked):
    global allowed
    allowed = None if asked["modules"] is None else allowed | set(asked["modules"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    spec = importlib.util.spec_from_file_location("app", asked["path"])
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def answer(asked):
    error = ""
    try:
        start(asked)
    except BaseException:
        error = traceback.format_exc()
    print(json.dumps([error, sorted(sys.modules)]), file=answers, flush=True)


answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever a handler prints is no answer
sys.meta_path.insert(0, Layers())
for name in sys.argv[2].split():
    importlib.import_module(name)
for line in sys.stdin:
    if not (child := os.fork()):
        answer(json.loads(line))
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(json.dumps(["the process ended", []]), file=answers, flush=True)
"""


class Start(NamedTuple):
    error: str
    modules: set[str]


@dataclass(frozen=True)
class Starts:
    _asked: IO[str]
    _answers: IO[str]

    def start(self, folder: str, environment: Mapping[str, str], modules: Iterable[str] | None) -> Start:
        """Import a handler which can import no libraries but `modules` and those of every function.

        None lets it import whatever is installed.
        """
        asked = {
            "path": str(ROOT / "functions" / folder / "app.py"),
            "environment": dict(environment),
            "modules": None if modules is None else sorted(modules),
        }
        print(json.dumps(asked), file=self._asked, flush=True)
        error, loaded = json.loads(self._answers.readline())
        return Start(error, set(loaded))


@contextmanager
def starting(modules: Iterable[str], loaded: Iterable[str]) -> Iterator[Starts]:
    """A process that can import the libraries `modules` and has imported `loaded`."""
    command = [sys.executable, "-c", PROGRAM, " ".join(modules), " ".join(loaded)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={"AWS_DEFAULT_REGION": "us-east-1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Starts(process.stdin, process.stdout)
        process.stdin.close()
