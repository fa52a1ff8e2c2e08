"""What the pages say of pods, of the demo and of the local cluster works as it is written there."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.e2e.lab import Lab
from tests.e2e.manifests import NAME, criteria
from tests.e2e.states import healthy
from tests.pages.commands import PAGES, ROOT, of_page
from tests.pages.reader import Reader, Shell
from tests.pages.suites import LOCAL_CLUSTER, TUTORIAL, Suite, suite

pytestmark = pytest.mark.e2e

DEMO_SECONDS = 1800.0
"""The demo is six acts, and this machine may be busy."""
DOCKERFILE = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY model.txt /\n"


def reader(folder: Path, others: Mapping[str, str] | None = None) -> Reader:
    """In the checkout, with what a machine has and no kubectl of ours."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    shell = Shell.begun(ROOT, folder / "state", environment)
    return Reader(shell, {}, others or {}, seconds=DEMO_SECONDS)


def complaints(reading: Reader, pages: Iterable[str]) -> list[str]:
    commands = [it for page in pages for it in of_page(page) if suite(it) is Suite.E2E]
    return [why for why in map(reading.complaint, commands) if why]


@pytest.mark.alone
def test_the_tutorial_works_as_it_is_written(lab: Lab, tmp_path: Path) -> None:
    """The demo is in it; what is to be tried afterwards is typed where the demo has ended."""
    assert lab.namespace, "the cluster is ours alone"
    assert not (found := complaints(reader(tmp_path), [TUTORIAL])), "\n\n".join(found)


def test_images_are_built_as_it_is_written(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "scorer"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "model.txt").write_text(lab.namespace)
    others = {"path/to/folder": str(folder)}
    assert not (found := complaints(reader(tmp_path, others), [LOCAL_CLUSTER])), "\n\n".join(found)


def test_the_operator_is_looked_at_as_it_is_written(lab: Lab, tmp_path: Path) -> None:
    lab.apply(criteria(), lab.fraud("1.0.0"))
    lab.until(healthy("1.0.0"))
    reading = reader(tmp_path, {"payments/fraud": f"{lab.namespace}/{NAME}"})
    reading.shell.run('eval "$(.venv/bin/python -m tests.cluster env)"')
    others = [page for page in PAGES if page not in {TUTORIAL, LOCAL_CLUSTER}]
    assert not (found := complaints(reading, others)), "\n\n".join(found)
