"""Which test runs a command of a page: the lowest suite that can.

A page belongs to one suite, which runs every command of it in its order. What differs is named
here, each with a reason. A command that nothing here covers fails a unit test.
"""

from enum import StrEnum
from pathlib import Path
from typing import Final

from tests.pages.commands import PAGES, ROOT, Command


class Suite(StrEnum):
    """What it takes."""

    API_SERVER = "run by tests/apiserver/test_pages.py"
    E2E = "run by tests/e2e/test_pages.py"
    MAKE = "a target of the Makefile"
    NAME = "the name of a command, with nothing to act on"
    NOT_HERE = "needs what no test has"


README: Final = "README.md"
LOOKED_UP: Final = tuple(
    page for page in PAGES if page.startswith(("docs/reference/", "docs/explanation/"))
)
"""Pages that nobody reads as a list of things to do: what they name works whatever was before."""
HOW_TO: Final = (
    "docs/how-to/install.md",
    "docs/how-to/alerts.md",
    "docs/how-to/blue-green.md",
    "docs/how-to/decisions.md",
    "docs/how-to/going-back.md",
    "docs/how-to/kubectl.md",
    "docs/how-to/restarts.md",
    "docs/how-to/stuck.md",
    "docs/how-to/write-exit-criteria.md",
    *LOOKED_UP,
    "docs/how-to/restart-and-delete.md",
)
"""In the order in which one ModelDeployment can live through them."""
UPGRADE: Final = "docs/how-to/upgrade.md"
"""Comes last: it ends with a command that deletes in all namespaces."""
EXAMPLES: Final = (
    "examples/README.md",
    "examples/mlserver/README.md",
    "examples/01-first-deployment/README.md",
    "examples/02-canary/README.md",
    "examples/03-rollback/README.md",
    "examples/04-blue-green/README.md",
    "examples/05-approval/README.md",
    "examples/caller/README.md",
)
TUTORIAL: Final = "docs/tutorial/first-rollout.md"
LOCAL_CLUSTER: Final = "docs/how-to/local-cluster.md"

_LOG: Final = "kubectl -n lockstep-system logs deployment/lockstep-operator"
PODS: Final = (
    "kubectl -n lockstep-system rollout status deployment/lockstep-operator",
    f"""{_LOG} | grep '"object": "payments/fraud"'""",
)
"""Commands of other pages that need the operator's own pod."""

NOT_HERE: Final = {
    "pip download": "asks a package registry; tests/cluster/wheels.py gets the same files by the "
    "same lock",
    "docker ": "needs a container engine; tests/e2e builds from the same Dockerfiles",
    "cd examples/model_server": "for the commands after it, which are not run here",
    "uv pip compile": "asks a package registry",
}
"""By how they begin."""

NAMES: Final = frozenset(
    {
        "docker build",
        "docker push",
        "git revert",
        "kubectl --as",
        "kubectl --as alice@example.com --as-group ml-fraud",
        "kubectl apply",
        "kubectl apply -k",
        "kubectl debug --copy-to",
        "kubectl delete --cascade=orphan",
        "kubectl diff",
        "kubectl rollout",
        "kubectl rollout history",
        "kubectl rollout pause",
        "kubectl rollout restart",
        "kubectl rollout status",
        "kubectl rollout undo",
        "kubectl wait",
        "kubectl wait --for=condition=Ready",
        "lockstep pin",
        "lockstep pin <file>",
        "lockstep pin FILE",
        "pip download",
    }
)

_PAGES: Final = {
    **dict.fromkeys((README, *HOW_TO, UPGRADE, *EXAMPLES), Suite.API_SERVER),
    **dict.fromkeys((TUTORIAL, LOCAL_CLUSTER), Suite.E2E),
}


def suite(command: Command) -> Suite | None:
    """What a command needs; None where nobody has said so."""
    if command.inline and command.bare in NAMES:
        return Suite.NAME
    if command.bare.startswith("make ") and (command.inline or command.page != TUTORIAL):
        return Suite.MAKE
    if command.bare in PODS:
        return Suite.E2E
    if any(command.bare.startswith(begin) for begin in NOT_HERE):
        return Suite.NOT_HERE
    return _PAGES.get(command.page)


def targets(makefile: Path = ROOT / "Makefile") -> frozenset[str]:
    """What `make` can be asked for."""
    lines = makefile.read_text().splitlines()
    return frozenset(line.partition(":")[0] for line in lines if ": " in line and "##" in line)
