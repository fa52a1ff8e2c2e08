"""The command `lockstep`: reads what was asked for and hands it on."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lockstep.cli import pin


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    asked = _parser().parse_args(arguments)
    status: int = asked.run(asked)
    return status


def _pin(asked: argparse.Namespace) -> int:
    if asked.check:
        return pin.check(asked.file)
    return pin.pin(asked.file, frozenset(asked.plain_http))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lockstep", description="Rolls machine-learning models out, one proven step at a time."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    pinning = commands.add_parser(
        "pin",
        help="write the digest of every tag into YAML files",
        description="Write the digest of every tag into the ModelDeployments of YAML files, in "
        "place: images of containers, init containers and volumes, and the model's artifact. What "
        "is pinned stays as it is; remove a digest to have it looked up again.",
    )
    pinning.set_defaults(run=_pin)
    pinning.add_argument("file", nargs="+", type=Path, metavar="FILE")
    pinning.add_argument(
        "--check", action="store_true", help="change nothing; fail if a reference is not pinned"
    )
    pinning.add_argument(
        "--plain-http",
        action="append",
        default=[],
        metavar="HOST",
        help="a registry to be asked without TLS, such as registry.test:5000; may be repeated",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
