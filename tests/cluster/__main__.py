"""The command line of the cluster: up, down, status, wait, and what shells need to use it."""

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests import cluster
from tests.cluster import go_tools
from tests.cluster.errors import ClusterError
from tests.cluster.local import lifecycle as local
from tests.cluster.model import load, read_card, state_folder
from tests.cluster.shell import succeeds


def _up(told: argparse.Namespace) -> int:
    cluster.up(told.extras or ())
    return 0


def _down(_: argparse.Namespace) -> int:
    cluster.down()
    return 0


def _status(_: argparse.Namespace) -> int:
    found, card = load(), read_card(state_folder()) or {}
    for name in ("flavor", "kubeconfig", "registry", "prometheus_url", "state"):
        print(f"{name:16} {getattr(found, name)}")
    print(f"{'base image':16} {card.get('baseImage', '')}")
    if found.flavor != "local":
        ready = ["kubectl", "--kubeconfig", found.kubeconfig, "get", "--raw", "/readyz"]
        return 0 if succeeds(ready) else 1
    rows = local.status(found.state)
    for name, said, well in rows:
        print(f"  {'ok ' if well else 'BAD'} {name:24} {said}")
    return 0 if all(well for _, _, well in rows) else 1


def _kubeconfig(_: argparse.Namespace) -> int:
    print(load().kubeconfig)
    return 0


def _env(_: argparse.Namespace) -> int:
    found = load()
    print(f"export KUBECONFIG={shlex.quote(str(found.kubeconfig))}")
    print(f'export PATH={shlex.quote(str(found.state / "bin"))}:"$PATH"')
    return 0


def _build(told: argparse.Namespace) -> int:
    for name, path in go_tools.ensure(told.names or go_tools.LOCAL).items():
        print(f"{name} {path}")
    return 0


def _image(told: argparse.Namespace) -> int:
    found = load()
    base = cluster.base_image(found)
    print(cluster.build_image(found, told.name, told.folder, args={"BASE_IMAGE": base}))
    return 0


def _stop(told: argparse.Namespace) -> int:
    cluster.stop(load(), told.component)
    return 0


def _start(told: argparse.Namespace) -> int:
    cluster.start(load(), told.component)
    return 0


def parser() -> argparse.ArgumentParser:
    """What can be asked. ``wait`` is ``up``: it returns when all is ready, mending on its way."""
    top = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    verbs = top.add_subparsers(required=True, metavar="VERB")
    for name, does, explained in (
        ("up", _up, "bring the cluster up, or mend it"),
        ("wait", _up, "the same: returns when everything is ready"),
        ("down", _down, "take it down and leave nothing behind"),
        ("status", _status, "what runs, where, and whether it is well"),
        ("kubeconfig", _kubeconfig, "print the path of its kubeconfig"),
        ("env", _env, 'print lines for a shell: eval "$(python -m tests.cluster env)"'),
        ("build", _build, "build programs into the cache"),
        ("image", _image, "build an image from a folder, push it and print its digest"),
        ("stop", _stop, "stop one component"),
        ("start", _start, "start one component again"),
    ):
        verb = verbs.add_parser(name, help=explained)
        verb.set_defaults(does=does)
        _arguments(verb, does)
    return top


def _arguments(verb: argparse.ArgumentParser, does: Callable[[argparse.Namespace], int]) -> None:
    if does is _up:
        verb.add_argument("--with", dest="extras", action="append", choices=cluster.EXTRAS)
    elif does is _build:
        verb.add_argument("names", nargs="*", help="programs; all of a local cluster if none")
    elif does is _image:
        verb.add_argument("name", help="the repository: ml/scorer")
        verb.add_argument("folder", type=Path, help="with a Dockerfile; ARG BASE_IMAGE is given")
    elif does in (_stop, _start):
        verb.add_argument("component")


def main(words: Sequence[str] | None = None) -> int:
    told = parser().parse_args(words)
    try:
        code: int = told.does(told)
    except KeyboardInterrupt:
        print("stopped; `up` goes on from here", file=sys.stderr)
        return 130
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
