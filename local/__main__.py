"""`python -m local up|down|demo|invoke`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(argv: Sequence[str]) -> int:
    """Run one command. The demo and invoke read their own arguments."""
    if argv[:1] in (["demo"], ["invoke"]):
        command = importlib.import_module({"demo": "local.demo.main", "invoke": "local.invoke"}[argv[0]])
        return int(command.main(list(argv[1:])) or 0)
    arguments = _parser().parse_args(argv)
    return _up(arguments) if arguments.command == "up" else _down(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The local cloud.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="run it in the foreground")
    up.add_argument("--port", type=int, default=0, help="port of the API; 0 takes a free one")
    up.add_argument(
        "--mcp", choices=("customer", "standard", "none"), default="customer", help="Web Platform dialect"
    )
    up.add_argument("--template", type=Path, default=ROOT / "template.yaml")
    up.add_argument(
        "--bridge",
        default="auto",
        help="address at which containers reach this machine; auto looks for Docker's bridge",
    )
    up.add_argument(
        "--parameters",
        nargs="*",
        default=[],
        metavar="NAME=VALUE",
        help="values of the template's parameters",
    )
    up.add_argument(
        "--follow-clock", action="store_true", help="fire what is due when the sandbox's clock is moved"
    )
    up.add_argument("--parent", type=int, help="stop when this process is no longer the parent")
    down = commands.add_parser("down", help="stop the one that runs in --dir")
    commands.add_parser("demo", help="create a campaign end to end and show what was made")
    commands.add_parser("invoke", help="run one function with an event against the one that runs")
    for command in (up, down):
        command.add_argument("--dir", type=Path, default=ROOT / ".local", help="where its state is kept")
    return parser


def _up(arguments: argparse.Namespace) -> int:
    from local.cloud import bridge
    from local.cloud.supervisor import Options, run

    address = bridge.find() if arguments.bridge == "auto" else arguments.bridge
    return run(
        Options(
            directory=arguments.dir.resolve(),
            template=arguments.template,
            port=arguments.port,
            mcp=arguments.mcp,
            parent=arguments.parent,
            follow_clock=arguments.follow_clock,
            bridge=None if address == "none" else address,
            parameters=dict(pair.split("=", 1) for pair in arguments.parameters),
        )
    )


def _down(arguments: argparse.Namespace) -> int:
    from local.cloud import instance

    stopped = instance.stop(arguments.dir.resolve())
    print("stopped" if stopped else f"no local cloud runs in {arguments.dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
