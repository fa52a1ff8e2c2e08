"""What the pages say works as it is written there: on a real API server, with the operator.

One operator serves two readers at the same time: one in namespace `payments`, who reads the how-to
pages, and one in `demo`, who plays the examples. Pods are played, and answer what is right.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest
import yaml

from tests import cluster
from tests.apiserver import fences
from tests.apiserver.api import GROUP, Api, Refused
from tests.apiserver.conftest import Kubectl
from tests.apiserver.desk import Desk, laid
from tests.apiserver.kubelet import Kubelet
from tests.apiserver.lab import Lab, lab
from tests.apiserver.registry import registry
from tests.pages.commands import Command, blocks_of_page, of_page
from tests.pages.reader import Reader, Shell
from tests.pages.suites import EXAMPLES, HOW_TO, README, UPGRADE, Suite, suite

pytestmark = pytest.mark.apiserver

PAYMENTS, DEMO = "payments", "demo"
ALICE, BOB = "alice@example.com", "bob@example.com"
BESIDE_THE_CHECKOUT = ("docs/how-to/install.md", UPGRADE)
DECISIONS = "docs/how-to/decisions.md"
APPROVE = Path("examples/05-approval/decisions/approve.yaml")
OWNER_AGAIN = ""


@dataclass(frozen=True, slots=True)
class World:
    """The operator's lab, and the desk of whoever reads."""

    lab: Lab
    desk: Desk
    kubectl: Kubectl

    async def told(self, *words: str, stdin: str = "") -> str:
        return await asyncio.to_thread(self.kubectl, *words, stdin=stdin)

    def status(self, namespace: str, path: str) -> str:
        where = ("get", "mldep", "fraud", "-n", namespace, "-o", f"jsonpath={{.status.{path}}}")
        return self.kubectl(*where)

    def pod(self) -> str:
        name = "jsonpath={.items[0].metadata.name}"
        return self.kubectl("get", "pods", "-n", PAYMENTS, "-o", name)

    def own(self, name: str, text: str) -> str:
        """A file of the reader's, in the checkout."""
        (self.desk.checkout / name).write_text(text)
        return str(self.desk.checkout / name)


@dataclass(frozen=True, slots=True)
class Place:
    """One reader's shell and namespace."""

    world: World
    namespace: str
    reader: Reader

    @classmethod
    def of(cls, world: World, namespace: str) -> "Place":
        filled = {
            "<name>": lambda: "fraud",
            "<pod>": world.pod,
            "<revision>": lambda: world.status(namespace, "kept.revision"),
        }
        pods = f"127.0.0.1:{world.lab.prometheus.port}"
        others = {"http://fraud/": f"http://{pods}/", "--seconds 60": "--seconds 2"}
        shell = world.desk.shell(namespace, namespace)
        return cls(world, namespace, Reader(shell, filled, others))

    def become(self, person: str) -> None:
        config = self.world.desk.identity(self.namespace, self.namespace, person)
        self.reader.shell.run(f"export KUBECONFIG={config}")

    async def read(self, pages: Iterable[str]) -> list[str]:
        """Every command of these pages, one after the other; gives all complaints."""
        return [it for page in pages async for it in self._page(page) if it]

    async def _page(self, page: str) -> AsyncIterator[str]:
        self.become(OWNER_AGAIN)
        for command in of_page(page):
            if suite(command) is Suite.API_SERVER:
                yield await self._type(command)

    async def _type(self, command: Command) -> str:
        self.world.lab.check()
        for (page, begins), prepare in BEFORE.items():
            if command.page == page and command.text.startswith(begins):
                await prepare(self)
        reader = self.reader
        if command.page in BESIDE_THE_CHECKOUT:
            beside = Shell(self.world.desk.ops, reader.shell.state)
            reader = replace(reader, shell=beside)
        return await asyncio.to_thread(reader.complaint, command)


Prepare = Callable[[Place], Awaitable[None]]


async def a_trial_that_wants_approval(place: Place) -> None:
    """Alice, who decides, looks at version 2.0.0, of which a quarter waits for her."""
    world = place.world
    bind = ("create", "clusterrolebinding", "alice", "--clusterrole=lockstep-platform")
    await world.told(*bind, f"--user={ALICE}")
    strategy = yaml.safe_load(
        "canary: {stages: [{name: quarter, weight: 25, approval: {required: 1, groups: [ml-fraud]}}"
        ", {name: full, weight: 100}]}"
    )
    await world.told("apply", "-n", PAYMENTS, "-f", wanted(world, "2.0.0", strategy))
    await world.lab.reason("ApprovalNeeded")
    abort, *_ = [it for it in blocks_of_page(DECISIONS) if it.language == "yaml"]
    revision = await asyncio.to_thread(world.status, PAYMENTS, "candidate.revision")
    world.own("abort.yaml", abort.text.replace("7f9c2b1e", revision))
    place.become(ALICE)


def wanted(world: World, version: str, strategy: object) -> str:
    """The reader's manifest with another version; gives the file."""
    first = yaml.safe_load((world.desk.checkout / "model-deployment.yaml").read_text())
    first["spec"]["model"]["version"] = version
    first["spec"]["strategy"] = strategy
    return world.own("fraud.yaml", yaml.safe_dump(first))


async def another_version(place: Place) -> None:
    """The same strategy: a first server-side apply leaves what was applied by the client."""
    stages = [{"name": "quarter", "weight": 25}, {"name": "full", "weight": 100}]
    wanted(place.world, "3.0.0", {"canary": {"stages": stages}})


async def a_restored_namespace(place: Place) -> None:
    """Children without an owner, and a ModelDeployment without a status."""
    told, fraud = place.world.told, "mldep/fraud"
    file = wanted(place.world, "3.0.0", {"rolling": {}})
    await told("apply", "-n", PAYMENTS, "-f", file)
    await place.world.lab.healthy("3.0.0")
    orphan = '{"spec": {"deletionPolicy": "Orphan"}}'
    await told("patch", fraud, "-n", PAYMENTS, "--type=merge", "-p", orphan)
    await told("wait", fraud, "-n", PAYMENTS, "--for=condition=Orphaned", "--timeout=60s")
    await told("delete", fraud, "-n", PAYMENTS)
    await told("apply", "-n", PAYMENTS, "-f", file)


async def a_preview(place: Place) -> None:
    """A blue-green that waits for somebody to promote it."""
    file = wanted(place.world, "4.0.0", {"blueGreen": {"autoPromote": False}})
    await place.world.told("apply", "-n", PAYMENTS, "-f", file)
    await place.world.lab.reason("PromotionNeeded")


async def criteria_of_the_team(place: Place) -> None:
    """Those of an example, under the name that the page has for them."""
    text = (place.world.desk.checkout / "examples/02-canary/exit-criteria.yaml").read_text()
    criteria = yaml.safe_load(text)
    criteria["metadata"] = {"name": "quality", "namespace": PAYMENTS}
    await place.world.told("apply", "-f", "-", stdin=yaml.safe_dump(criteria))


async def alice_looked_at_the_revision(place: Place) -> None:
    await _approving(place, ALICE)


async def bob_approves_too(place: Place) -> None:
    await _approving(place, BOB)
    ended = await asyncio.to_thread(place.reader.shell.run, f"kubectl create -f {APPROVE}")
    assert ended.code == 0, ended.said
    place.become(OWNER_AGAIN)


async def _approving(place: Place, person: str) -> None:
    file = place.world.desk.checkout / APPROVE
    decision = yaml.safe_load(file.read_text())
    revision = await asyncio.to_thread(place.world.status, DEMO, "candidate.revision")
    decision["spec"] |= {"revision": revision, "by": person}
    file.write_text(yaml.safe_dump(decision))
    place.become(person)


BEFORE: Mapping[tuple[str, str], Prepare] = {
    (DECISIONS, "kubectl get mldep fraud  "): a_trial_that_wants_approval,
    ("docs/how-to/kubectl.md", "kubectl apply"): another_version,
    ("docs/how-to/write-exit-criteria.md", "kubectl get mlexit quality"): criteria_of_the_team,
    ("docs/reference/glossary.md", "kubectl get service <name>-candidate"): a_preview,
    ("docs/how-to/restart-and-delete.md", "kubectl get mldep fraud"): a_restored_namespace,
    ("examples/05-approval/README.md", "kubectl create"): alice_looked_at_the_revision,
    ("examples/05-approval/README.md", "kubectl get mldec"): bob_approves_too,
}
"""What a reader has done, by the page and how the command begins that comes after it."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    program = cluster.ensure(["kubectl"])["kubectl"]
    with cluster.api_server() as kubeconfig, registry(tmp_path / "registry") as images:
        kubectl = Kubectl(program, kubeconfig)
        kubectl("apply", "--server-side", "-f", "crds")
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(fences.definitions()))
        kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=110s")
        kubectl("create", "namespace", PAYMENTS)
        (tmp_path / "lab").mkdir()
        async with lab(kubeconfig, PAYMENTS, tmp_path / "lab") as made:
            made.neighbours = (DEMO,)
            desk = laid(tmp_path, kubeconfig, program, images, made.prometheus.port)
            async with _living(made.api, made.prometheus.sick):
                made.start()
                yield World(made, desk, kubectl)


@asynccontextmanager
async def _living(api: Api, sick: set[str]) -> AsyncIterator[None]:
    """Namespace `demo`, once a reader makes it: its account, its pods, and what 3.0.0 is like."""
    playing = [
        asyncio.create_task(Kubelet(api, DEMO).play()),
        asyncio.create_task(_keep(api, sick)),
    ]
    try:
        yield
    finally:
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)


async def _keep(api: Api, sick: set[str]) -> None:
    account = {"metadata": {"name": "default"}}
    while True:
        with suppress(Refused, aiohttp.ClientError, TimeoutError):
            accounts = f"/api/v1/namespaces/{DEMO}/serviceaccounts"
            if not await api.found(f"{accounts}/default"):
                await api("POST", accounts, account)
            fraud = await api.found(f"{GROUP}/namespaces/{DEMO}/modeldeployments/fraud") or {}
            candidate = fraud.get("status", {}).get("candidate") or {}
            sick |= {candidate["revision"]} if candidate.get("version") == "3.0.0" else set()
        await asyncio.sleep(0.1)


async def test_every_command_works_as_it_is_written(world: World) -> None:
    how_to, examples = Place.of(world, PAYMENTS), Place.of(world, DEMO)
    complaints = await how_to.read([README])
    for found in await asyncio.gather(how_to.read(HOW_TO), examples.read(EXAMPLES)):
        complaints += found
    complaints += await how_to.read([UPGRADE])
    assert not complaints, "\n\n".join(complaints)
