"""What lies on a reader's desk: a checkout, the reader's own files beside it, a shell."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.apiserver.registry import Registry
from tests.pages.commands import ROOT, blocks_of_page
from tests.pages.reader import Shell

LINKED: Final = ("manifests", "crds", "docs", "requirements", ".venv", "operator")
QUICK: Final = {
    "soak: 20s": "soak: 1s",
    "duration: 20s": "duration: 1s",
    "interval: 2s": "interval: 1s",
    "initialDelay: 5s": "initialDelay: 1s",
    "minSamples: 5": "minSamples: 1",
}
"""What is short in the examples is shorter here."""
SERVER_PORT: Final = "8080"
TAG: Final = re.compile(r"registry\.example\.com/([\w/-]+):([\w.-]+)")

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """``program`` is kubectl, which the pages expect to be there."""

    folder: Path
    kubeconfig: Path
    program: Path

    @property
    def checkout(self) -> Path:
        return self.folder / "lockstep"

    @property
    def ops(self) -> Path:
        """Where the kustomization of the page about installing is: beside the checkout."""
        return self.folder / "ops"

    def shell(self, name: str, namespace: str) -> Shell:
        """In the checkout, as somebody with all rights."""
        bin_folder = self.folder / "bin"
        bin_folder.mkdir(exist_ok=True)
        (bin_folder / "kubectl").unlink(missing_ok=True)
        (bin_folder / "kubectl").symlink_to(self.program)
        environment = {
            "PATH": f"{bin_folder}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "DOCKER_CONFIG": "/nonexistent",
            "KUBECONFIG": str(self.identity(name, namespace)),
        }
        return Shell.begun(self.checkout, self.folder / f"{name}.state", environment)

    def identity(self, name: str, namespace: str, person: str = "") -> Path:
        """A kubeconfig with a namespace, and with somebody's name if it is not the owner's."""
        config: Manifest = yaml.safe_load(self.kubeconfig.read_text())
        for context in config["contexts"]:
            context["context"]["namespace"] = namespace
        for user in config["users"] if person else ():
            user["user"] |= {"as": person, "as-groups": ["ml-fraud", "system:authenticated"]}
        path = self.folder / f"{name}{person}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path


def laid(folder: Path, kubeconfig: Path, program: Path, registry: Registry, port: int) -> Desk:
    """The desk, with images in the reader's registry for every tag of the examples.

    ``port`` is where played pods answer.
    """
    desk = Desk(folder, kubeconfig, program)
    desk.checkout.mkdir()
    for name in LINKED:
        (desk.checkout / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "examples", desk.checkout / "examples")
    for file in (desk.checkout / "examples").rglob("*.yaml"):
        file.write_text(_here(file.read_text(), registry, port))
    first = (desk.checkout / "examples/01-first-deployment/model-deployment.yaml").read_text()
    own = first.replace(", namespace: demo", "")
    (desk.checkout / "model-deployment.yaml").write_text(own)
    _own_kustomization(desk)
    return desk


def _here(text: str, registry: Registry, port: int) -> str:
    for repository, tag in TAG.findall(text):
        registry.push(repository, tag, f"{repository} {tag}")
    text = text.replace("registry.example.com", registry.host).replace(SERVER_PORT, str(port))
    for written, instead in QUICK.items():
        text = text.replace(written, instead)
    return text


def _own_kustomization(desk: Desk) -> None:
    """As the page about installing says, all of its blocks together."""
    desk.ops.mkdir()
    found = [it.text for it in blocks_of_page("docs/how-to/install.md") if it.language == "yaml"]
    whole = "\n".join(found).replace("<digest>", "5e" * 32)
    (desk.ops / "kustomization.yaml").write_text(whole)
