"""A newcomer's first minutes: the commands of README in their order, in a clone and a HOME of their own."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.support.doc_blocks import commands

# The suite takes minutes, and a newcomer has a campaign by then.
_LEFT_OUT = ("make test",)


class Step(NamedTuple):
    """One command; `stays` is one that keeps running while the next ones are typed in another terminal."""

    command: str
    stays: bool


def steps(readme: str) -> list[Step]:
    """Return what README has a newcomer type, up to the first campaign of their own."""
    found = []
    for block in re.findall(r"^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL):
        lines = [line for line in commands(block) if not line.startswith(_LEFT_OUT)]
        if any(line.startswith("curl") for line in lines):
            # A variable of one line is read by the next: they are typed into one shell.
            found.append(Step("\n".join(lines), stays=False))
            return found
        found += [Step(line, stays=line.startswith("make up")) for line in lines]
    return found
