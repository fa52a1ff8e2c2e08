"""Who wrote the spec: stamped from Kubernetes 1.36 on, never forged before."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.apiserver.conftest import Kubectl
from tests.apiserver.governed import governed
from tests.apiserver.people import APPLY, GROUP, MERGE, Answer, Person
from tests.apiserver.wire import Wire
from tests.unit.api.manifests import MODEL_DEPLOYMENT, change

pytestmark = pytest.mark.apiserver

NAME = "lockstep.dev/author"
ALICE, BOB = "alice@example.com", "bob@example.com"
ROBOT = "system:serviceaccount:argocd:argocd-application-controller"
LONGER = {"spec": {"minReadySeconds": 9}}
BIGGER = {"spec": {"replicas": 9}}


@dataclass(frozen=True, slots=True)
class Written:
    """A ModelDeployment, and whoever comes by."""

    wire: Wire
    path: str
    name: str = "fraud"

    def __call__(self, name: str) -> Person:
        return Person(self.wire, name, ("system:masters",))

    @property
    def at(self) -> str:
        return f"{self.path}/{self.name}"

    def patch(self, who: str, body: object, part: str = "") -> Answer:
        return self(who).ask("PATCH", self.at + part, body, MERGE)

    def forge(self, who: str, author: str | None, **more: object) -> Answer:
        return self.patch(who, {"metadata": {"annotations": {NAME: author}}, **more})

    @property
    def author(self) -> str:
        return self(ALICE).ask("GET", self.at).author


@pytest.fixture(scope="module")
def wire(api_server: Path) -> Iterator[Wire]:
    with contextlib.closing(Wire.open(api_server)) as opened:
        yield opened


@pytest.fixture(scope="module", params=["base", "overlays/before-1.36"], ids=["stamped", "before"])
def folder(request: pytest.FixtureRequest) -> str:
    """What is shipped for Kubernetes 1.36, and for clusters before."""
    return str(request.param)


@pytest.fixture(scope="module")
def old(wire: Wire, kubectl: Kubectl, folder: str) -> Written:
    """Somebody's from before there were policies."""
    namespace = folder.replace("/", "-").replace(".", "-")
    kubectl("create", "namespace", namespace)
    found = _written(wire, namespace)
    found(ALICE).must("POST", found.path, MODEL_DEPLOYMENT, "application/json")
    return found


@pytest.fixture(scope="module")
def rules(wire: Wire, kubectl: Kubectl, folder: str, old: Written) -> Iterator[str]:
    del old  # written before
    with governed(kubectl, Person(wire), folder):
        yield folder


def _written(wire: Wire, namespace: str) -> Written:
    return Written(wire, f"{GROUP}/namespaces/{namespace}/modeldeployments")


@pytest.fixture
def fraud(rules: str, wire: Wire, namespace: str) -> Written:
    del rules  # they hold from the beginning
    found = _written(wire, namespace)
    found(ALICE).must("POST", found.path, MODEL_DEPLOYMENT, "application/json")
    return found


@pytest.fixture
def stamped(fraud: Written, rules: str) -> Written:
    """Alice's, and it says so; before 1.36 her client did that."""
    if rules != "base":
        assert fraud.forge(ALICE, ALICE, **LONGER).ok
    assert fraud.author == ALICE
    return fraud


def test_whoever_creates_it_is_the_author_where_somebody_stamps(fraud: Written, rules: str) -> None:
    assert fraud.author == (ALICE if rules == "base" else "")


@pytest.mark.parametrize("who", [BOB, ROBOT])
def test_whoever_changes_the_spec_is_the_author(stamped: Written, rules: str, who: str) -> None:
    if rules == "base":
        assert stamped.patch(who, BIGGER).author == who
    else:
        assert stamped.patch(who, BIGGER).says == (
            f"the annotation lockstep.dev/author says {ALICE}, but {who} changes the spec: leave "
            "it out or give your own name"
        )
        assert stamped.forge(who, who, **BIGGER).author == who
        assert stamped.forge(ALICE, None, spec={"replicas": 2}).author == ""


UNTOUCHED = {
    "a label": ({"metadata": {"labels": {"team": "fraud"}}}, ""),
    "an annotation of somebody else": ({"metadata": {"annotations": {"a": "b"}}}, ""),
    "a spec that is what it was": ({"spec": {"paused": False}}, ""),
    "a status": ({"status": {"phase": "Healthy"}}, "/status"),
    "a status that comes with an author": (
        {"metadata": {"annotations": {NAME: BOB}}, "status": {"phase": "Healthy"}},
        "/status",
    ),
    "a size": (BIGGER, "/scale"),
}


@pytest.mark.parametrize(("body", "part"), UNTOUCHED.values(), ids=UNTOUCHED)
def test_nobody_becomes_the_author_by_writing(stamped: Written, body: object, part: str) -> None:
    assert stamped.patch(BOB, body, part).ok
    assert stamped.author == ALICE


@pytest.mark.parametrize("author", [BOB, "carol@example.com", None])
def test_nobody_forges_what_stands_there(stamped: Written, rules: str, author: str | None) -> None:
    answer = stamped.forge(BOB, author)
    if rules == "base":
        assert answer.author == ALICE
    else:
        assert answer.says == (
            f"the annotation lockstep.dev/author is {ALICE} and may change only with the spec: "
            "it says who wrote it"
        )
    assert stamped.author == ALICE


def test_nobody_forges_a_new_one(fraud: Written, rules: str) -> None:
    metadata = {"name": "forged", "annotations": {NAME: ALICE}}
    answer = fraud(BOB).ask("POST", fraud.path, change(MODEL_DEPLOYMENT, {"metadata": metadata}))
    if rules == "base":
        assert answer.author == BOB
    else:
        assert answer.says.startswith(f"the annotation lockstep.dev/author says {ALICE}, but {BOB}")


def test_nobody_forges_it_together_with_the_spec(stamped: Written, rules: str) -> None:
    answer = stamped.forge(BOB, "carol@example.com", **BIGGER)
    assert answer.author == BOB if rules == "base" else answer.code == 403


def test_nothing_is_made_up_for_what_nobody_stamped(old: Written, rules: str) -> None:
    """It was there before the policy was."""
    assert old.patch(BOB, {"metadata": {"labels": {"a": "b"}}}).author == ""
    forged = old.forge(BOB, ALICE)
    if rules == "base":
        assert forged.author == ""
    else:
        assert forged.says.startswith(
            "the annotation lockstep.dev/author is absent and may change "
        )
    assert old.patch(BOB, LONGER).author == (BOB if rules == "base" else "")


def test_applying_the_same_again_and_again_changes_nothing(stamped: Written) -> None:
    """Server-side apply counts the stamp as the applier's, who does not send it the next time."""

    def apply(manifest: object) -> Answer:
        path = f"{stamped.at}?fieldManager=argocd&force=true"
        return stamped(ALICE).must("PATCH", path, manifest, APPLY)

    first = apply(change(MODEL_DEPLOYMENT, {"spec.minReadySeconds": 9, "spec.replicas": 7}))
    for _ in range(3):
        again = apply(change(MODEL_DEPLOYMENT, {"spec.minReadySeconds": 9, "spec.replicas": 7}))
        assert (again.version, again.author) == (first.version, first.author)


def test_the_name_of_a_machine_is_stamped_as_it_is(wire: Wire, rules: str, namespace: str) -> None:
    robots = _written(wire, namespace)
    made = robots(ROBOT).must("POST", robots.path, MODEL_DEPLOYMENT, "application/json")
    assert made.author == (ROBOT if rules == "base" else "")
