"""The commands and code that README and docs show: blocks, the commands in them, and those within a line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
# Each of its samples is of one action, and run by tests/flows/test_reference.py.
GENERATED = "docs/api.md"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_COMMAND = re.compile(r"(curl|make|python -m|openapi-python-client) ")
_REQUEST = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/\S*)(?: (\{.*\}))?")


class Block(NamedTuple):
    """One block: the page, its language, its first line's number, and its text."""

    page: str
    language: str
    line: int
    text: str

    @property
    def opening(self) -> str:
        """The first line, by which lists name a block."""
        return self.text.strip().splitlines()[0]


class Request(NamedTuple):
    """A request named in a text: `PUT /unkind {"seed": 1}`."""

    page: str
    method: str
    path: str
    body: str | None


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(*languages: str) -> list[Block]:
    """Return the blocks in one of the languages, without the generated ones."""
    found = []
    for path in pages():
        page, text = str(path.relative_to(ROOT)), path.read_text()
        if page == GENERATED:
            continue
        found += [
            Block(page, match[1], text[: match.start()].count("\n") + 2, match[2])
            for match in _BLOCK.finditer(text)
            if match[1] in languages
        ]
    return found


def code(page: str, opening: str) -> str:
    """Return the text of the block of Python on a page that begins with a line."""
    (found,) = [block.text for block in blocks("python") if (block.page, block.opening) == (page, opening)]
    return found


def commands(text: str) -> list[str]:
    """Return the commands of a shell block, each with its continued lines, without comments."""
    joined = text.replace("\\\n", " ")
    return [line for line in (_without_comment(line) for line in joined.splitlines()) if line]


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s+)#\s.*$", "", line).strip()


def all_commands() -> list[tuple[str, str]]:
    """Return each command with its page: those of blocks, and those within a line."""
    found = [(block.page, command) for block in blocks("sh") for command in commands(block.text)]
    for page, span in _spans():
        if _COMMAND.match(span):
            found.append((page, span))
    return found


def requests() -> list[Request]:
    """Return the requests that texts name."""
    found = []
    for page, span in _spans():
        if match := _REQUEST.fullmatch(span):
            found.append(Request(page, *match.groups()))
    return found


def _spans() -> list[tuple[str, str]]:
    return [
        (str(path.relative_to(ROOT)), span)
        for path in pages()
        if str(path.relative_to(ROOT)) != GENERATED
        for span in _SPAN.findall(_BLOCK.sub("", path.read_text()))
    ]


class Curl(NamedTuple):
    """The parts of a call by curl that can be checked without a server."""

    method: str
    path: str
    body: str | None


def curl(command: str) -> Curl:
    """Return the method, the path and the body of a curl command. Raises ValueError without an address."""
    words = shlex.split(command)
    options = {"-X": "", "-d": ""}
    address = ""
    waiting = iter(words[words.index("curl") + 1 :])
    for word in waiting:
        if word in ("-X", "-d", "-H", "-o", "-w"):
            value = next(waiting)
            options[word] = value
        elif not word.startswith("-"):
            address = word
    if not address:
        raise ValueError(f"no address in {command}")
    path = "/" + re.sub(r"^(https?://)?[^/]+/?", "", address)
    body = options["-d"] or None
    return Curl(options["-X"] or ("POST" if body else "GET"), path, body)
