"""The landing before this one, from the history of this repository: what users upgrade from.

`previous-landing` names its commit; a landing sets it to the one that it replaces.
"""

from pathlib import Path
from typing import Final

from tests.cluster import ClusterError
from tests.cluster.shell import run, succeeds
from tests.e2e.deploy import ROOT

COMMIT: Final = (Path(__file__).parent / "previous-landing").read_text().strip()
PARTS: Final = ("Dockerfile", "pyproject.toml", "requirements", "operator", "crds", "manifests")


def checkout(folder: Path) -> Path:
    """Put what the previous landing's operator is made of into ``folder``.

    Raises:
        ClusterError: The history of this clone does not reach that far, nor can it be fetched.
    """
    git = ("git", "-C", str(ROOT))
    known = [*git, "cat-file", "-e", f"{COMMIT}^{{commit}}"]
    if not succeeds(known):
        succeeds([*git, "fetch", "--quiet", "--depth=1", "origin", COMMIT], timeout_seconds=120)
    if not succeeds(known):
        raise ClusterError(
            f"the upgrade starts from commit {COMMIT[:7]}, which this clone does not have: it is "
            "shallow and has no remote that gives it; run `git fetch --unshallow` first"
        )
    archive = folder / "previous.tar"
    run(
        [*git, "archive", "--output", archive, COMMIT, *PARTS],
        what="reading the previous landing from the history",
    )
    run(["tar", "--extract", "--file", archive, "--directory", folder], what="unpacking it")
    return folder
