"""README and docs can be run: each block has a test or a reason; commands, routes and bodies
exist. tests/flows/test_doc_blocks.py runs them."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaign_automation.actions import ACTIONS
from campaign_automation.actions.action import Action
from campaign_automation.utils.validation import parse
from local.demo.story import PLATFORMS
from local.source import template
from tests.support.doc_blocks import ROOT, Block, all_commands, blocks, curl, requests
from tests.support.docs_to_run import NOT_RUN, PYTHON, is_listed

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
COMMANDS = all_commands()
NAMED = requests()


def ids(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.mark.parametrize("block", blocks("sh", "python", "json"), ids=ids)
def test_a_block_can_be_read(block: Block) -> None:
    if block.language == "sh":
        read = subprocess.run(["sh", "-n"], input=block.text, text=True, capture_output=True, check=False)
        assert read.returncode == 0, read.stderr
    elif block.language == "python":
        compile(block.text, ids(block), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    else:
        json.loads(block.text)


def test_each_block_of_python_has_a_test_that_runs_it() -> None:
    shown = {(block.page, block.opening) for block in blocks("python")}
    assert shown == PYTHON.keys(), "a new block needs its test in tests/support/docs_to_run.py"
    for test in PYTHON.values():
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(), test


def test_no_reason_is_kept_for_a_command_that_is_gone() -> None:
    for page, beginning in NOT_RUN:
        assert any(command.startswith(beginning) and page in ("*", where) for where, command in COMMANDS)


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_a_command_is_one_that_exists(page: str, command: str) -> None:
    if command.startswith(("TOKEN=", "ADMIN=", "export ")):
        return
    words = shlex.split(command.removesuffix("&"))
    if words[0] == "make":
        assert_make(words[1:])
    elif words[0] == "python":
        assert_module(words[words.index("-m") + 1], words[words.index("-m") + 2 :])
    elif "curl" in words:
        assert_request(command)
    else:
        assert is_listed(page, command), f"nothing checks {command}; see tests/support/docs_to_run.py"


def assert_make(words: list[str]) -> None:
    """The target exists and reads the variables; its program knows the arguments."""
    assert words[0] in TARGETS, words
    recipe = MAKEFILE.partition(f"\n{words[0]}:")[2].partition("\n\n")[0]
    for variable in words[1:]:
        name, _, value = variable.partition("=")
        assert f"$({name})" in recipe or f"$({name}" in MAKEFILE, variable
        if name == "ARGS":
            module = re.search(r"-m ([\w.]+(?: demo)?)", recipe)
            assert module, recipe
            assert_module(module[1].replace(" ", "."), shlex.split(value))


def assert_module(name: str, arguments: list[str]) -> None:
    """The module can be run, and its source names each flag."""
    folder = ROOT / name.replace(".", "/")
    layer = ROOT / "layers/shared" / name.replace(".", "/")
    candidates = [*(path / "__main__.py" for path in (folder, layer)), folder / "main.py"]
    candidates.append(folder.with_suffix(".py"))
    (source, *_) = [path.read_text() for path in candidates if path.is_file()]
    for flag in (word for word in arguments if word.startswith("--")):
        assert f'"{flag}"' in source, f"{name} has no {flag}"
    known = {"benchmarks": _benchmarks(), "local.demo": set(PLATFORMS)}.get(name)
    for word in arguments if known else []:
        assert word.startswith("--") or word.isdigit() or word in (known or ()), f"{name} knows no {word}"


def _benchmarks() -> set[str]:
    return {path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py")}


def assert_request(command: str) -> None:
    """The route exists; a body is one that its action takes."""
    asked = curl(command)
    if "$ADMIN/" in command:
        assert _is_of_the_sandbox(asked.method, asked.path), command
        assert asked.body is None or json.loads(asked.body) is not None
        return
    if asked.path.startswith(("/_local/", "/metrics")):
        return
    action = _action(asked.method, asked.path)
    assert action is not None, asked
    if asked.body is not None:
        parse(action.request, {**json.loads(asked.body), **_path_values(action, asked.path)})


def _action(method: str, path: str) -> Action | None:
    bare = path.partition("?")[0]
    fitting = (item for item in ACTIONS.values() if item.method == method and _pattern(item).fullmatch(bare))
    return next(fitting, None)


def _pattern(action: Action) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", action.path))


def _path_values(action: Action, path: str) -> dict[str, str]:
    match = _pattern(action).fullmatch(path.partition("?")[0])
    return match.groupdict() if match else {}


def _routes() -> Iterator[str]:
    """Yield the paths of the template's API, and those that only the local cloud has."""
    for resource in template()["Resources"].values():
        for event in resource.get("Properties", {}).get("Events", {}).values():
            if "Path" in event.get("Properties", {}):
                yield event["Properties"]["Path"]
    yield from ("/_local/metrics", "/debug_token")


@pytest.mark.parametrize("named", NAMED, ids=[f"{item.page} {item.method} {item.path}" for item in NAMED])
def test_a_request_that_a_text_names_has_a_route(named: Any) -> None:
    bare = re.sub(r"<[^>]+>|\{[^}]+\}", "x", named.path.partition("?")[0])
    if named.page == "docs/local-cloud.md" and not bare.startswith(("/v1", "/_local", "/metrics")):
        assert _is_of_the_sandbox(named.method, bare), named
    else:
        assert _fits(list(_routes()), bare), named


def _is_of_the_sandbox(method: str, path: str) -> bool:
    source = (ROOT / "local/sandbox/admin.py").read_text()
    return _fits(re.findall(rf'\("{method}", "([^"]+)"\)', source), path.partition("?")[0])


def _fits(patterns: list[str], path: str) -> bool:
    return any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path) for pattern in patterns)


def test_the_body_that_sets_notifications_is_taken() -> None:
    (block,) = [item for item in blocks("json") if item.text.startswith('{"webhook_url"')]
    parse(ACTIONS["set_notifications"].request, json.loads(block.text))


def test_the_body_of_a_monthly_budget_is_taken() -> None:
    (block,) = [item for item in blocks("json") if item.page == "docs/budgets.md"]
    text = block.text.replace('"cmp_...", "cmp_..."', '"cmp_1", "cmp_2"')
    parse(ACTIONS["set_monthly_budget"].request, json.loads(text))


def test_the_readme_is_read_in_order_by_the_newcomer() -> None:
    from tests.newcomer import steps

    found = [step.command for step in steps(Path(ROOT / "README.md").read_text())]
    assert found[0] == "make demo"
    assert any(command.startswith("make up") for command in found)
    assert "/v1/campaigns" in found[-1]
